"""The notebooks as they are read on the web: executed, in order, small, with nothing of the machine they ran on."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import ROOT
from tests.executed_notebooks import NOTEBOOKS, executed

# The name of a model in memory follows its weights, and those of one that was just trained differ by processor.
OF_A_TRAINED_MODEL = re.compile(r"\bGPT2LMHeadModel-[0-9a-f]{8}\b")

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
ON_PRETRAINED = "component_reuse_smollm2"
_MOST_BYTES = 300_000
# Paths of machines, times that something took, bars of progress, addresses of objects.
_OF_THE_MACHINE = re.compile(r"(/home/|/root/|/tmp/|/Users/|[A-Z]:\\|\d+%\||\d it/s| at 0x[0-9a-f]+|\d+(\.\d+)? s\b)")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def texts(book: Any) -> list[str]:
    """The outputs of a notebook as text, a cell each; of pictures what they are called."""
    found = []
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            found.append(output.get("text") or output["data"]["text/plain"])
    return found


def test_there_are_the_notebooks_that_the_readme_and_the_documentation_name() -> None:
    names = {path.name for path in ALL}
    for page in (ROOT / "README.md", ROOT / "docs" / "notebooks.md"):
        assert set(re.findall(r"notebooks/(\w+\.ipynb)", page.read_text(encoding="utf-8"))) == names


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_it_was_executed(path: Path) -> None:
    assert path.stat().st_size < _MOST_BYTES
    book = read(path)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)
    for output in outputs:
        shown = output.get("text", "") + "".join(output.get("data", {}).values())
        assert not (found := _OF_THE_MACHINE.search(shown)), shown[max(found.start() - 80, 0) : found.end() + 80]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_tells_a_story_and_leads_to_files_that_are_there(path: Path) -> None:
    told = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    assert told[0].startswith("# ")
    assert "**Question.**" in told[0]
    assert "**Method.**" in told[0]
    assert "## What this does not show" in told[-1]
    for target in re.findall(r"\]\(([^)#]+)\)", "\n".join(told)):
        assert (path.parent / target).is_file(), target


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_fresh_execution_says_what_is_stored(path: Path) -> None:
    if path.stem == ON_PRETRAINED:
        from circuits.model.sources import find_model

        try:
            find_model("smollm2-135m")
        except ValueError as error:
            pytest.skip(str(error))
    stored, fresh = (
        [OF_A_TRAINED_MODEL.sub("MODEL", line) for line in texts(notebook)] for notebook in (read(path), executed(path))
    )
    assert stored == fresh, "\n".join(difflib.unified_diff(stored, fresh, lineterm=""))
