"""Execute notebooks and keep their outputs, so that they can be read on the web: `make notebooks`.

What is kept is the same on every machine: no times, no progress, no warnings, no identifiers of objects.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
# Figures as SVG, tables as HTML, each with its text; a picture twice would double the file.
_KEPT = ("image/svg+xml", "text/html", "text/plain")
_TIMEOUT_S = 3600


def executed(path: Path) -> nbformat.NotebookNode:
    """A notebook as a fresh execution leaves it."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=_TIMEOUT_S, resources={"metadata": {"path": path.parent}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [_cleaned(output) for output in cell.outputs if not _is_of_the_machine(output)]
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return book


def _is_of_the_machine(output: Any) -> bool:
    """Whether an output is progress or a warning."""
    return output.get("name") == "stderr" or any("widget" in kind for kind in output.get("data", {}))


def _cleaned(output: Any) -> Any:
    if "data" in output:
        output.metadata = {}
        output.data = {kind: output.data[kind] for kind in _KEPT if kind in output.data}
        if "image/svg+xml" in output.data:
            output.data.pop("text/html", None)
    return output


def main() -> None:
    """Execute the notebooks named, or all, write them back, and say how long each took."""
    named = [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in named:
        begun_s = time.perf_counter()
        nbformat.write(executed(path), path)
        took_s = time.perf_counter() - begun_s
        sys.stdout.write(f"{path}: {took_s:.0f} s\n")


if __name__ == "__main__":
    main()
