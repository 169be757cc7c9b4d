"""`circuits export`: a run's circuit, one made of several, or a comparison in another format, and captions for them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
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
    from graphs.figures.layered.shown import Measured
    from pipelines.runs.run import Run

SUMMARY = "summary.json"


class Stored(NamedTuple):
    """What is exported.

    reference what commands call it
    scores    all that was measured, of a run
    command   what makes it again; None where that is not known
    measured  how faithful its parts are, where that is known
    run       the run that it is the circuit of; None of a comparison and of a file
    """

    subject: CircuitGraph | Comparison
    reference: str
    scores: Sequence[Scores] = ()
    command: str | None = None
    measured: Measured | None = None
    run: Run | None = None


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
    from graphs.export.html import HtmlExport
    from graphs.figures.layered.settings import DrawingSettings

    exports, stored = exporter(kind), stored_at(reference, Path(out))
    if isinstance(exports, HtmlExport):
        return _page(stored, drawing or DrawingSettings())
    _require_drawn(exports, drawing)
    if isinstance(exports, DrawnExport):
        settings = drawing or DrawingSettings()
        return exports.drawn(stored.subject, settings, command=stored.command, measured=stored.measured)
    return exports.to_bytes(stored.subject, scores=stored.scores, command=stored.command)


def _page(stored: Stored, settings: DrawingSettings) -> bytes:
    """The page of what is stored, which begins with what the settings say."""
    from graphs.export.page.extras import PageExtras
    from graphs.export.page.file import page_bytes
    from pipelines.page.extras import extras_of
    from pipelines.page.library import fetch_library

    fetch_library(note=_note)
    circuits = [] if stored.run is None else [extras_of(stored.run)]
    extras = PageExtras(circuits, reference=stored.reference, command=stored.command, settings=settings)
    return page_bytes(stored.subject, extras)


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


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

    exports, stored = exporter(kind), stored_at(reference, Path(out))
    _require_drawn(exports, drawing)
    is_drawn = isinstance(exports, DrawnExport)
    text = in_words(stored.subject, composed(stored.subject, drawing, stored.measured) if is_drawn else None)
    return escape(text) if exports.extension in ("tex", "tikz") else text


def _require_drawn(exports: Export, drawing: DrawingSettings | None) -> None:
    """ValueError where there are settings of a drawing for a format that draws nothing."""
    from graphs.export import EXPORTS
    from graphs.export.drawn import DrawnExport

    if drawing is None or isinstance(exports, DrawnExport):
        return
    drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, DrawnExport)))
    raise ValueError(
        f"format {exports.name} draws nothing: size, font, orientation, top, min_score, heads only, layers, role, "
        f"port, only, bundle and collapse belong to those that draw ({drawn}). Leave them out; other formats hold the "
        "whole circuit."
    )


def stored_at(reference: str | Path, out: Path) -> Stored:
    """What a reference stands for, as in `export`. ValueError where it stands for nothing that can be exported."""
    from graphs.export import mib_graph

    given = path_of(reference, "what is exported")
    if (path := _comparison_file(given, out)) is not None:
        return Stored(read_comparison(path), path.parent.name, command=command_beside(path))
    if (path := _circuit_file(given, out)) is not None:
        data = read_bytes(path)
        if not is_mib_file(data):
            return Stored(read_circuit(data, str(path)), str(given), command=command_beside(path))
        graph, scores = mib_graph(data, source=str(path))
        return Stored(graph, str(given), [scores])
    _refuse_many(given, out)
    run = open_run(given, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return Stored(run.graph, run.name, scores, command_line(run.command, run.config), _measured(run), run)


def _measured(run: Run) -> Measured | None:
    """How faithful parts of a run's circuit are, where its search has tried them."""
    from pipelines.discover.measured_parts import part_faithfulness
    from pipelines.discover.run import DiscoverRun

    return partial(part_faithfulness, run) if isinstance(run, DiscoverRun) else None


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
    from pipelines.runs.origin import AND

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
    commands = dict.fromkeys(command_line(run.command, run.config) for run in runs)
    about = (MARK, beside_text(names, graphs, AND.join(commands)))
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
