"""`circuits export`: a run's circuit, one made of several, or a comparison in another format, and captions for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from circuits.files import read_bytes
from circuits.mib_file import is_mib_file
from pipelines.compare.names import COMPARISON
from pipelines.runs.about_file import ABOUT, command_beside
from pipelines.runs.options import command_line
from pipelines.runs.run import is_file, open_run, path_of, read_circuit

if TYPE_CHECKING:
    from circuits.scores import Scores
    from graphs import CircuitGraph, Comparison
    from graphs.export import Export
    from graphs.figures.layered.settings import DrawingSettings

SUMMARY = "summary.json"


class Stored(NamedTuple):
    """What is exported.

    scores   all that was measured, of a run
    command  what makes it again; None where that is not known
    """

    subject: CircuitGraph | Comparison
    scores: Sequence[Scores] = ()
    command: str | None = None


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
    from graphs.export import exporter
    from graphs.export.drawn import DrawnExport

    exports, stored = exporter(kind), stored_at(reference, Path(out))
    _require_drawn(exports, drawing)
    if drawing is not None and isinstance(exports, DrawnExport):
        return exports.drawn(stored.subject, drawing, command=stored.command)
    return exports.to_bytes(stored.subject, scores=stored.scores, command=stored.command)


def caption(
    reference: str | Path, kind: str = "pdf", *, out: str | Path = "runs", drawing: DrawingSettings | None = None
) -> str:
    """A caption for the export of a run or a comparison in a format, in words; escaped for LaTeX where that is one.

    drawing  the settings of the drawing, as in `export`

    >>> from pipelines import caption, discover
    >>> caption(discover("ioi", prompts=8, edges=40).name)
    'The circuit of the model reference for the task ioi: 40 of 479 edges, with ... heads and 4 MLPs. 8 prompts ...'
    """
    from graphs.export import caption as in_words
    from graphs.export import exporter
    from graphs.export.drawn import DrawnExport
    from graphs.export.latex_text import escape
    from graphs.figures.layered.drawing import composed

    exports, subject = exporter(kind), stored_at(reference, Path(out)).subject
    _require_drawn(exports, drawing)
    text = in_words(subject, composed(subject, drawing) if isinstance(exports, DrawnExport) else None)
    return escape(text) if exports.extension in ("tex", "tikz") else text


def _require_drawn(exports: Export, drawing: DrawingSettings | None) -> None:
    """ValueError where there are settings of a drawing for a format that draws nothing."""
    from graphs.export import EXPORTS
    from graphs.export.drawn import DrawnExport

    if drawing is None or isinstance(exports, DrawnExport):
        return
    drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, DrawnExport)))
    raise ValueError(
        f"format {exports.name} draws nothing: size, font, orientation, top, min_score, heads only, bundle and "
        f"collapse belong to those that draw ({drawn}). Leave them out; other formats hold the whole circuit."
    )


def stored_at(reference: str | Path, out: Path) -> Stored:
    """What a reference stands for, as in `export`. ValueError where it stands for nothing that can be exported."""
    from graphs.export import mib_graph

    given = path_of(reference, "what is exported")
    if (path := _comparison_file(given, out)) is not None:
        return Stored(read_comparison(path), command=command_beside(path))
    if (path := _circuit_file(given, out)) is not None:
        data = read_bytes(path)
        if not is_mib_file(data):
            return Stored(read_circuit(data, str(path)), command=command_beside(path))
        graph, scores = mib_graph(data, source=str(path))
        return Stored(graph, [scores])
    _refuse_many(given, out)
    run = open_run(given, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return Stored(run.graph, scores, command_line(run.command, run.config))


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
            circuits = [path.name for path in sorted(folder.glob("*.json")) if path.name not in (SUMMARY, ABOUT)]
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
