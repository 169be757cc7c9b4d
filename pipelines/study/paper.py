"""A study as tables for papers."""

from __future__ import annotations

from typing import Any

from graphs.figures.sweep import value_label
from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured
from pipelines.study.report import Study
from pipelines.study.table import AUROCS, BEST_F1, COSTS

_OF_PROVENANCE = ("task", "model", "metric", "method", "ablation")
_RANKED = (
    AUROCS["heads"],
    measured("auroc_heads_by_prompt", "auroc.heads.by_prompt"),
    measured("auroc_heads_of_trials", "auroc.heads.trials.mean"),
    BEST_F1,
    AUROCS["nodes"],
)


def papers(study: Study) -> dict[str, PaperTable]:
    """`ranking`: how well the known heads are ranked first at every value; `cost`: what that takes."""
    rows = [_row(row) for row in study.rows]
    ranked = [column for column in _RANKED if any(column.value(row) is not None for row in rows)]
    has_intervals = any(row["auroc"]["heads"] and row["auroc"]["heads"]["interval"] for row in study.rows)
    intervals = "95 % bootstrap intervals over prompts" if has_intervals else None
    notes = ["Nodes are heads and MLPs. AUROC of .5 is chance."]
    titles = {"ranking": f"Ranking of the heads of {study.truth}, {study.key} varied", "cost": "Cost of scoring"}
    return {
        "ranking": _table(titles["ranking"], study.key, rows, ranked, intervals=intervals, notes=notes),
        "cost": _table(titles["cost"], study.key, rows, COSTS),
    }


def _row(row: Row) -> Row:
    of_all = {name: row["provenance"][name] for name in _OF_PROVENANCE}
    return {**row, **of_all, "shown": value_label(row["value"])}


def _table(title: str, key: str, rows: list[Row], columns: Any, **more: Any) -> PaperTable:
    return PaperTable(
        title=title,
        label=[Column(key, "shown")],
        columns=columns,
        rows=rows,
        conditions=[*map(Column, ("task", "model", "metric")), ablation(), prompts()],
        settings=[Column("method")],
        **more,
    )
