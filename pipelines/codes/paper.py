"""Explained codes as tables for papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.codes.report import CodeReport
from pipelines.codes.table import activates_at, promoted
from pipelines.reporting.paper.facts import ablation
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

_MOST = 20
_TOLD = {"tells_is_positive": "is_positive", "tells_answer": "answer"}


def papers(report: CodeReport) -> dict[str, PaperTable]:
    """`codes`: those that most positives show and no negative; `heads`: what the codes of the heads tell."""
    codes = sorted(report.rows, key=lambda row: -row["n_positives"])
    explained = [row for row in report.heads if row["explained"]]
    found = {}
    if codes:
        found["codes"] = _table(
            report,
            f"Codes that only positives show, trial {report.trial}",
            codes,
            [Column("head"), Column("code", cell=lambda row: str(row["code"]))],
            [
                measured("n_positives"),
                Column("promotes", cell=promoted),
                Column("activates at (negatives)", cell=activates_at),
            ],
            order="those that most positives show",
        )
    if explained:
        told = [
            measured(name, cell=lambda row, label=label: (row["tells"][label] or {}).get("adjusted"))
            for name, label in _TOLD.items()
        ]
        columns = [*map(measured, ("score", "positive_only_codes", "by_chance")), *told, Column("group")]
        found["heads"] = _table(
            report,
            "Information in the codes of heads",
            sorted(explained, key=lambda row: -row["score"]),
            [Column("head")],
            [column for column in columns if any(column.value(row) is not None for row in explained)],
            notes=["Information: mean over trials. Groups: heads that show such codes on the same prompts."],
            order="the highest scores",
        )
    return found


def _table(
    report: CodeReport, title: str, rows: Sequence[Row], label: Sequence[Column], columns: Sequence[Column], **more: Any
) -> PaperTable:
    origin = report.provenance
    same = {name: origin[name] for name in ("task", "model", "method", "ablation")}
    same |= {"positives": report.n_positives, "negatives": report.n_negatives}
    return PaperTable(
        title=title,
        label=label,
        columns=columns,
        rows=[{**row, **same} for row in rows],
        conditions=[
            *map(Column, ("task", "model")),
            ablation(),
            Column("prompts with the behavior", "positives"),
            Column("without", "negatives"),
        ],
        settings=[Column("method")],
        most=_MOST,
        **more,
    )
