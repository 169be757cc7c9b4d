"""What changes of a model do: edits of heads, repairs, remedies, masked heads, few directions, a concept vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from graphs.figures.dose_response import draw_doses
from graphs.figures.edit_bars import draw_edits
from graphs.figures.fit import Drawing, of_one_layout
from graphs.figures.masking_curve import draw_masking
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import damage_named, read_report
from pipelines.reporting.report import Report


class _Source(NamedTuple):
    """Where a figure comes from.

    of       the folder of the command in `pipelines.intervene`
    report   the class of its report, in `report.py` there; reports load torch, so it is imported when one is read
    shows    module and function that make of the report what `draw` draws
    rows     what the JSON calls the rows
    again    the command that makes one
    """

    of: str
    report: str
    shows: str
    draw: Callable[[Any], Any]
    again: str
    rows: str = "rows"


_SOURCES: Mapping[str, tuple[str, _Source]] = {
    "edit": (
        "what edits of heads do, beside other heads",
        _Source("edit", "EditReport", "files:bars", draw_edits, "circuits intervene edit TASK"),
    ),
    "repair": (
        "what a repair does, beside other heads",
        _Source("repair", "RepairReport", "files:bars", draw_edits, "circuits intervene repair TASK"),
    ),
    "remedy": (
        "what a remedy does, beside other heads",
        _Source("remedy", "RemedyReport", "files:bars", draw_edits, "circuits intervene remedy TASK"),
    ),
    "masking": (
        "accuracy and metric over how many heads are masked",
        _Source("remedy", "RemedyReport", "files:curve", draw_masking, "circuits intervene mask-heads TASK"),
    ),
    "rank": (
        "what heads keep with few directions",
        _Source("rank", "RankReport", "files:curve", draw_masking, "circuits intervene rank TASK", "ranks"),
    ),
    "concept": (
        "what a vector does by its strength, beside random ones",
        _Source(
            "concept", "ConceptReport", "figures:curve", draw_doses, "circuits intervene concept TASK", "strengths"
        ),
    ),
}


def _read(source: _Source, subjects: Sequence[str], store: Path) -> Drawing:
    """A report, read back from its JSON, and its figure."""
    home = f"pipelines.intervene.{source.of}"
    kind: type[Report] = getattr(import_module(f"{home}.report"), source.report)
    path, found = read_report(subjects[0], store, f"{source.of}.json", kind.format, again=source.again)
    module, function = source.shows.split(":")
    with damage_named(path, source.again):
        own = {field.name for field in fields(kind)} - {field.name for field in fields(Report)}
        report = kind(folder=path.parent, **{name: found[source.rows if name == "rows" else name] for name in own})
        return of_one_layout(source.draw, getattr(import_module(f"{home}.{module}"), function)(report))


INTERVENTIONS = [
    FIGURES.register(FigureKind(name, summary, "INTERVENTION", 1, 1, partial(_read, source)))
    for name, (summary, source) in _SOURCES.items()
]
