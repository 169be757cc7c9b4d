"""`circuits export`: a run's circuit, one made of several, or a comparison in another format, and captions for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.visible_text import value_text
from pipelines.cli.page import page, page_beside, require_no_readings
from pipelines.cli.stored import Stored, stored_at
from pipelines.runs.run import Run, names_of, open_run, path_of, store_folder

if TYPE_CHECKING:
    from graphs.export import Export
    from graphs.figures.layered.composition import Composition
    from graphs.figures.layered.settings import DrawingSettings


def export(
    reference: Run | str | Path,
    kind: str,
    *,
    out: str | Path = "runs",
    drawing: DrawingSettings | None = None,
    readings: Sequence[Path] = (),
) -> bytes:
    """A run's circuit or a comparison in another format, one of `graphs.EXPORTS`.

    reference  a run (itself, its path or its name within `out`), a comparison (its folder or its comparison.json), or a
               JSON file that holds one circuit, such as the union.json or core-2.json of a comparison, or one of EAP-IG
               or MIB
    drawing    how large formats that draw are to draw it, and how much of it; other formats refuse it
    readings   folders of `circuits roles`, whose roles its heads get; of a page also of `circuits attention` and
               `profile`, whose results it shows of heads

    >>> from pipelines import discover, export
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> table = export(run, "csv")
    >>> table.decode().splitlines()[0].split(",")[:8]
    ['name', 'kind', 'score', 'low', 'high', 'score_is', 'measured_by', 'in_circuit']
    """
    return exported(reference, kind, out=out, drawing=drawing, readings=readings).data


@dataclass(frozen=True)
class Exported:
    """What is written, and what is said beside it.

    notes       what a drawing says below it of what it shows and leaves out, and of other files how they hold more than
                the circuit, or less; nothing of those that hold just that
    in_words    makes the caption
    is_drawn    whether it is a drawing, whose caption has the notes too
    """

    data: bytes
    notes: Sequence[str]
    in_words: Callable[[], str]
    is_drawn: bool = False


def exported(
    reference: Run | str | Path,
    kind: str,
    *,
    out: str | Path,
    drawing: DrawingSettings | None,
    readings: Sequence[Path] = (),
) -> Exported:
    """A run's circuit or a comparison in another format, as `export` gives it, with what is said beside it: what it is
    made of is read once, and a drawing is composed once."""
    from graphs.export import exporter
    from graphs.export.drawn import DrawnExport
    from graphs.export.html import HtmlExport
    from graphs.figures.layered.drawing import composed
    from graphs.figures.layered.settings import DrawingSettings

    _require_settings(drawing)
    exports, store = exporter(kind), store_folder(out)
    if isinstance(exports, HtmlExport):
        data = page(reference, store, drawing or DrawingSettings(), readings=readings)
        return Exported(data, (), lambda: _in_words(exports, stored_at(reference, store), None))
    _require_drawn(exports, drawing)
    stored = _with_roles(stored_at(reference, store), readings)
    if not isinstance(exports, DrawnExport):
        made = exports.written(stored.subject, scores=stored.scores, command=stored.command)
        return Exported(made.data, made.notes, lambda: _in_words(exports, stored, None))
    composition = composed(stored.subject, drawing, stored.measured)
    return Exported(
        exports.drawn(stored.subject, composition, command=stored.command),
        composition.sheet.words.told,
        lambda: _in_words(exports, stored, composition),
        is_drawn=True,
    )


def _with_roles(stored: Stored, readings: Sequence[Path]) -> Stored:
    """What is exported, with the roles that folders of `circuits roles` hold of the heads of a run."""
    from pipelines.page.readings import with_roles

    if not readings:
        return stored
    if stored.run is None:
        require_no_readings(readings)
        return stored
    graph, command = with_roles(stored.run, readings)
    return stored._replace(subject=graph, command=command or stored.command)


def _in_words(exports: Export, stored: Stored, composition: Composition | None) -> str:
    """The caption of what is stored, below its drawing where it has one; escaped for LaTeX where that is one."""
    from graphs.export import caption as in_words
    from graphs.export.latex_text import escape

    text = in_words(stored.subject, composition)
    return escape(text) if exports.extension in ("tex", "tikz") else text


def caption(
    reference: Run | str | Path,
    kind: str = "pdf",
    *,
    out: str | Path = "runs",
    drawing: DrawingSettings | None = None,
    readings: Sequence[Path] = (),
) -> str:
    """A caption for the export of a run or a comparison in a format, in words; escaped for LaTeX where that is one.

    drawing   the settings of the drawing, as in `export`
    readings  folders of `circuits roles`, whose roles its heads get, as in `export`

    >>> from pipelines import caption, discover
    >>> caption(discover("ioi", prompts=8, edges=40))
    'The circuit of the model reference for the task ioi: 40 of 479 edges, with ... heads and 4 MLPs. 8 prompts ...'
    """
    from graphs.export import exporter
    from graphs.export.drawn import DrawnExport
    from graphs.export.html import HtmlExport
    from graphs.figures.layered.drawing import composed

    _require_settings(drawing)
    exports = exporter(kind)
    if not isinstance(exports, HtmlExport):
        _require_drawn(exports, drawing)
    stored = _with_roles(stored_at(reference, store_folder(out)), readings)
    is_drawn = isinstance(exports, DrawnExport)
    return _in_words(exports, stored, composed(stored.subject, drawing, stored.measured) if is_drawn else None)


def _require_settings(drawing: object) -> None:
    """ValueError for what are no settings of a drawing."""
    from graphs.figures.layered.settings import DrawingSettings

    if not isinstance(drawing, DrawingSettings | None):
        raise ValueError(
            f"drawing is {value_text(drawing)}: give a DrawingSettings of graphs.figures.layered.settings, or nothing."
        )


def _require_drawn(exports: Export, drawing: DrawingSettings | None) -> None:
    """ValueError where there are settings of a drawing for a format that draws nothing."""
    from graphs.export import EXPORTS
    from graphs.export.drawn import DrawnExport

    if drawing is None or isinstance(exports, DrawnExport):
        return
    drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, DrawnExport)))
    given = ", ".join(drawing.given) or "what is asked of a drawing, such as --size page,"
    raise ValueError(
        f"format {exports.name} draws nothing, and {given} belongs to those that draw ({drawn}). Leave it out; other "
        "formats hold the whole circuit."
    )


def export_beside(
    references: Sequence[str | Path], kind: str, *, out: str | Path = "runs", drawing: DrawingSettings | None = None
) -> Exported:
    """The circuits of several runs of one model in one drawing, side by side, with the same places for the same parts;
    its caption is one of each.

    ValueError for a format that does not draw them, and for circuits of different models.
    """
    from graphs.export import EXPORTS, exporter
    from graphs.export.about import MARK, beside_text
    from graphs.export.drawn import PictureExport
    from graphs.export.html import HtmlExport
    from graphs.figures.layered.multiples import composed_multiples
    from graphs.figures.layered.settings import DrawingSettings
    from pipelines.runs.origin import command_that_made
    from pipelines.runs.shell_text import AND

    exports = exporter(kind)

    def captions() -> str:
        return "\n".join(caption(reference, kind, out=out, drawing=drawing) for reference in references)

    if isinstance(exports, HtmlExport):
        return Exported(page_beside(references, store_folder(out), drawing or DrawingSettings()), (), captions)
    if not isinstance(exports, PictureExport):
        drawn = ", ".join(sorted(name for name, other in EXPORTS.items() if isinstance(other, PictureExport)))
        raise ValueError(
            f"format {kind} holds one circuit, or a comparison. Side by side, circuits are drawn as: {drawn}; html has "
            "them on one page."
        )
    runs = [open_run(path_of(reference, "what is exported"), out=out) for reference in references]
    graphs = [run.circuit for run in runs]
    labels = [graph.label for graph in graphs]
    names = labels if len(set(labels)) == len(labels) else names_of(runs)
    commands = dict.fromkeys(command_that_made(run) for run in runs)
    about = (MARK, beside_text(names, graphs, AND.join(commands)))
    composition = composed_multiples(graphs, names, drawing)
    return Exported(composition.to_bytes(exports.drawing, about=about), composition.told, captions, is_drawn=True)
