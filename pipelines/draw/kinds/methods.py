"""Bars of methods: what evaluations, or the values of a study, say of each, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.numbers import count_text
from graphs.figures.fit import Drawing, in_its_room
from graphs.figures.method_bars import Measured, MethodBars, MethodRow, draw_method_bars
from graphs.figures.sweep import value_label
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.evaluations import AGAIN, STUDY, STUDY_AGAIN, read_evaluation, read_study
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import damage_named, holds
from pipelines.reporting.tables import Row, value_at

_MEASURES = {
    "faithfulness": ("faithfulness", "faithfulness_interval"),
    "CPR": ("cpr.value", "cpr.interval"),
    "CMD": ("cmd.value", "cmd.interval"),
    "AUROC of edges": ("auroc.edges.by_mean", None),
    "AUROC of heads": ("auroc.heads.by_mean", "auroc.heads.interval"),
}
_RANDOM = {"faithfulness": "random.faithfulness"}
_CONDITIONS = ("task", "model", "metric", "ablation", "n_prompts", "judged_on")


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """A row for every run of the evaluations, those measured alike together; or for every value of a study."""
    if len(subjects) == 1 and holds(subjects[0], store, STUDY):
        path, study = read_study(subjects[0], store)
        with damage_named(path, STUDY_AGAIN):
            return in_its_room(draw_method_bars, of_study(study))
    found = [read_evaluation(subject, store) for subject in subjects]
    with damage_named(" or ".join(str(path) for path, _ in found), AGAIN):
        rows = {row["run"]: row for _, evaluation in found for row in evaluation["runs"]}
        return in_its_room(draw_method_bars, of_evaluations(list(rows.values())))


def of_evaluations(rows: Sequence[Row]) -> MethodBars:
    """The figure of judged runs; conditions that differ between them head their groups."""
    same = [name for name in _CONDITIONS if len({row[name] for row in rows}) == 1]
    groups = [_conditions(row, [name for name in _CONDITIONS if name not in same]) for row in rows]
    order = sorted(range(len(rows)), key=lambda number: groups.index(groups[number]))
    ordered, headings = [rows[number] for number in order], [groups[number] for number in order]
    names = [f"{row['method']}, {count_text(row['n_edges'], 'edge')}" for row in ordered]
    if len(set(zip(names, headings, strict=True))) < len(ordered):
        names = [row["run"] for row in ordered]
    return _bars(ordered, names, headings, "Circuits by method", _conditions(rows[0], same))


def of_study(study: Mapping[str, Any]) -> MethodBars:
    """The figure of a study: how well each value ranks the known heads first."""
    rows, origin = study["rows"], study["rows"][0]["provenance"]
    names = [value_label(row["value"]) for row in rows]
    subtitle = (
        f"{origin['task']}, {origin['metric']}, {count_text(rows[0]['n_prompts'], 'prompt')}; known circuit "
        f"{study['truth']}"
    )
    return _bars(rows, names, [""] * len(rows), f"Ranking of known heads by {study['vary']}", subtitle)


def _bars(rows: Sequence[Row], names: Sequence[str], groups: Sequence[str], title: str, subtitle: str) -> MethodBars:
    measures = [name for name, (path, _) in _MEASURES.items() if any(value_at(row, path) is not None for row in rows)]
    if not measures:
        raise ValueError("nothing was measured that could be drawn: neither faithfulness nor the ranking of a circuit.")
    made = [
        MethodRow(name, group, tuple(_measured(row, measure) for measure in measures))
        for row, name, group in zip(rows, names, groups, strict=True)
    ]
    return MethodBars(tuple(measures), tuple(made), title, subtitle)


def _measured(row: Row, measure: str) -> Measured | None:
    path, ends = _MEASURES[measure]
    value = value_at(row, path)
    if value is None:
        return None
    random = value_at(row, _RANDOM[measure]) if measure in _RANDOM else None
    own = Measured(value, _span(None if ends is None else value_at(row, ends)))
    if random is None:
        return own
    return own._replace(random=random["value"], random_interval=_span(random["interval"]))


def _span(ends: Sequence[float] | None) -> tuple[float, float] | None:
    return None if ends is None else (ends[0], ends[1])


def _conditions(row: Row, names: Sequence[str]) -> str:
    words = {
        "ablation": f"ablation {row['ablation']}",
        "judged_on": "held out" if row["judged_on"] == "held-out" else "those that chose",
        "n_prompts": f"{count_text(row['n_prompts'], 'prompt')}",
    }
    return ", ".join(words.get(name, str(row[name])) for name in names)


METHODS = FIGURES.register(
    FigureKind(
        "methods", "methods beside each other, every number with its interval", "EVALUATION...|STUDY", 1, None, read
    )
)
