"""`circuits export`: a run's circuit, one made of several, or a comparison in another format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from circuits.files import read_bytes
from circuits.mib_file import is_mib_file
from pipelines.compare.files import COMPARISON
from pipelines.runs.options import command_line
from pipelines.runs.run import is_file, open_run, path_of, read_circuit

if TYPE_CHECKING:
    from graphs import Comparison


def export(reference: str | Path, kind: str, *, out: str | Path = "runs") -> bytes:
    """A run's circuit or a comparison in another format, one of `graphs.EXPORTS`.

    reference  a run (path or name within `out`), a comparison (its folder or its comparison.json), or a JSON file that
               holds one circuit, such as the union.json or core-2.json of a comparison, or one of EAP-IG or MIB

    >>> from pipelines import discover, export
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> table = export(run.name, "csv")
    >>> table.decode().splitlines()[0].split(",")[:8]
    ['name', 'kind', 'score', 'low', 'high', 'score_is', 'method', 'in_circuit']
    """
    from graphs.export import exporter, mib_graph

    exports, reference = exporter(kind), path_of(reference, "what is exported")
    if (path := _comparison_file(Path(reference), Path(out))) is not None:
        return exports.to_bytes(read_comparison(path))
    if (path := _circuit_file(Path(reference), Path(out))) is not None:
        data = read_bytes(path)
        if not is_mib_file(data):
            return exports.to_bytes(read_circuit(data, str(path)))
        graph, scores = mib_graph(data, source=str(path))
        return exports.to_bytes(graph, scores=[scores])
    _refuse_many(Path(reference), Path(out))
    run = open_run(reference, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return exports.to_bytes(run.graph, scores=scores, command=command_line(run.command, run.config))


def read_comparison(path: Path) -> Comparison:
    """The comparison in a JSON file."""
    from graphs import Comparison
    from graphs.export.json import JsonExport

    content = JsonExport().read(path)
    if not isinstance(content, Comparison):
        raise ValueError(f"{path} holds one circuit, not a comparison.")
    return content


def _refuse_many(given: Path, out: Path) -> None:
    """ValueError for the folder of a comparison without comparison.json, as that of three runs or more."""
    for folder in (given, out / given):
        if is_file(folder / "union.json"):
            circuits = [path.name for path in sorted(folder.glob("*.json")) if path.name != "summary.json"]
            raise ValueError(
                f"{folder} holds no {COMPARISON}: only comparisons of two runs have one. Compare two of its runs, or "
                f"give one of its circuits: {', '.join(str(folder / name) for name in circuits)}."
            )


def _circuit_file(given: Path, out: Path) -> Path | None:
    return next((path for path in (given, out / given) if path.suffix == ".json" and is_file(path)), None)


def _comparison_file(given: Path, out: Path) -> Path | None:
    for path in (given, given / COMPARISON, out / given / COMPARISON):
        if path.name == COMPARISON and is_file(path):
            return path
    return None
