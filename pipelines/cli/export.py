"""`circuits export`: a run's circuit, one made of several, or a comparison in another format."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.files import read_bytes
from circuits.mib_file import is_mib_file
from pipelines.compare.names import COMPARISON
from pipelines.runs.options import command_line
from pipelines.runs.run import is_file, open_run, path_of, read_circuit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circuits.scores import Scores
    from graphs import CircuitGraph, Comparison
    from graphs.figures.layered.settings import DrawingSettings


def export(
    reference: str | Path, kind: str, *, out: str | Path = "runs", drawing: DrawingSettings | None = None
) -> bytes:
    """A run's circuit or a comparison in another format, one of `graphs.EXPORTS`.

    reference  a run (path or name within `out`), a comparison (its folder or its comparison.json), or a JSON file that
               holds one circuit, such as the union.json or core-2.json of a comparison, or one of EAP-IG or MIB
    drawing    how large formats that draw are to draw it, and how much of it; other formats refuse it

    >>> from pipelines import discover, export
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> table = export(run.name, "csv")
    >>> table.decode().splitlines()[0].split(",")[:8]
    ['name', 'kind', 'score', 'low', 'high', 'score_is', 'method', 'in_circuit']
    """
    from graphs.export import EXPORTS, exporter, mib_graph
    from graphs.export.drawn import DrawnExport
    from graphs.figures.layered.settings import DrawingSettings
    from pipelines.discover.measured_parts import part_faithfulness
    from pipelines.discover.run import DiscoverRun

    exports, reference = exporter(kind), path_of(reference, "what is exported")
    if drawing is not None and not isinstance(exports, DrawnExport):
        drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, DrawnExport)))
        raise ValueError(
            f"format {kind} draws nothing: size, font, orientation, top, min_score, heads only, bundle and collapse "
            f"belong to those that draw ({drawn}). Leave them out; other formats hold the whole circuit."
        )

    def written(subject: CircuitGraph | Comparison, scores: Sequence[Scores] = ()) -> bytes:
        if isinstance(exports, DrawnExport):
            return exports.drawn(subject, drawing or DrawingSettings())
        return exports.to_bytes(subject, scores=scores)

    if (path := _comparison_file(Path(reference), Path(out))) is not None:
        return written(read_comparison(path))
    if (path := _circuit_file(Path(reference), Path(out))) is not None:
        data = read_bytes(path)
        if not is_mib_file(data):
            return written(read_circuit(data, str(path)))
        graph, scores = mib_graph(data, source=str(path))
        return written(graph, [scores])
    _refuse_many(Path(reference), Path(out))
    run = open_run(reference, out=out)
    command = command_line(run.command, run.config)
    if isinstance(exports, DrawnExport):
        measured = partial(part_faithfulness, run) if isinstance(run, DiscoverRun) else None
        return exports.drawn(run.graph, drawing or DrawingSettings(), command=command, measured=measured)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return exports.to_bytes(run.graph, scores=scores, command=command)


def export_beside(
    references: Sequence[str | Path], kind: str, *, out: str | Path = "runs", drawing: DrawingSettings | None = None
) -> bytes:
    """The circuits of several runs of one model in one drawing, side by side, with the same places for the same parts.

    ValueError for a format that does not draw them, and for circuits of different models.
    """
    from graphs.export import EXPORTS, exporter
    from graphs.export.about import MARK, beside_text
    from graphs.export.drawn import PictureExport
    from graphs.figures.layered.multiples import multiples_bytes

    exports = exporter(kind)
    if not isinstance(exports, PictureExport):
        drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, PictureExport)))
        raise ValueError(
            f"format {kind} holds one circuit, or a comparison. Side by side, circuits are drawn as: {drawn}."
        )
    runs = [open_run(path_of(reference, "what is exported"), out=out) for reference in references]
    graphs = [run.graph for run in runs]
    labels = [graph.label for graph in graphs]
    names = labels if len(set(labels)) == len(labels) else [run.name for run in runs]
    about = (MARK, beside_text(names, graphs))
    return multiples_bytes(graphs, names, exports.drawing, drawing, about=about)


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
