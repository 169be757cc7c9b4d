"""`circuits export`: a run's circuit or a comparison in another format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.compare.files import COMPARISON
from pipelines.runs.run import open_run

if TYPE_CHECKING:
    from graphs import Comparison


def export(reference: str | Path, kind: str, *, out: str | Path = "runs") -> bytes:
    """A run's circuit or a comparison in another format: json, graphml, csv, pdf, svg.

    reference  a run (path or name within `out`), or a comparison (its folder or its comparison.json)

    >>> from pipelines import discover, export
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> table = export(run.name, "csv")
    >>> table.decode().splitlines()[0]
    'name,kind,score,low,high,score_is,method,in_circuit'
    """
    from graphs.export import exporter

    exports = exporter(kind)
    if (path := _comparison_file(Path(reference), Path(out))) is not None:
        return exports.to_bytes(read_comparison(path))
    run = open_run(reference, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return exports.to_bytes(run.graph, scores=scores)


def read_comparison(path: Path) -> Comparison:
    """The comparison in a JSON file."""
    from graphs import Comparison
    from graphs.export.json import JsonExport

    content = JsonExport().read(path)
    if not isinstance(content, Comparison):
        raise ValueError(f"{path} holds one circuit, not a comparison.")
    return content


def _comparison_file(given: Path, out: Path) -> Path | None:
    for path in (given, given / COMPARISON, out / given / COMPARISON):
        if path.is_file() and path.name == COMPARISON:
            return path
    return None
