"""What an injection does, as tables for papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.intervene.effect_rows import short
from pipelines.intervene.report import Intervention
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

_ANSWERS = (
    measured("accuracy", interval="accuracy_interval"),
    measured("accuracy_difference", "difference", interval="difference_interval"),
    *(Column(name, format=".3f", interval=f"{name}_interval") for name in ("precision", "recall")),
    Column("F1", "f1", ".3f", "f1_interval"),
    Column("yes", "yes_ratio", ".1%", "yes_ratio_interval"),
)
_CAPTIONS = (
    Column("captions with an absent object", "sentence", ".1%", "sentence_interval"),
    Column("absent among named objects", "instance", ".1%", "instance_interval"),
    Column("objects named, per caption", "mention", ".2f", "mention_interval"),
    Column("objects named of those there", "recall", ".1%", "recall_interval"),
)


def papers(report: Intervention) -> dict[str, PaperTable]:
    """`answers`: a row per variant and sort of negatives; `captions`: a row per variant, where there are some."""
    settings = report.settings
    same = {name: short(str(settings[name])) for name in ("task", "model")}
    strengths = f"Strengths: {settings['lambda_attention']:g} of attention, {settings['lambda_mlp']:g} of MLPs."
    tables = {
        "answers": PaperTable(
            title="Answers to questions on absent objects under an injection of early layers",
            label=[Column("variant")],
            columns=_ANSWERS,
            rows=_with_ends(report.rows, _ANSWERS, same),
            conditions=[*map(Column, ("task", "model", "negatives")), Column("questions", "n")],
            intervals="95 % intervals, Wilson's of shares, t over images of differences",
            notes=[strengths],
            has_best=False,
        )
    }
    if report.captions:
        tables["captions"] = PaperTable(
            title="Objects that captions name under an injection of early layers",
            label=[Column("variant")],
            columns=_CAPTIONS,
            rows=_with_ends(report.captions, _CAPTIONS, same),
            conditions=[*map(Column, ("task", "model")), Column("captions", "n")],
            intervals="95 % intervals, Wilson's of shares, t over captions of the mean",
            notes=[strengths],
            has_best=False,
        )
    return tables


def _with_ends(rows: Sequence[Row], columns: Sequence[Column], same: Row) -> list[dict[str, Any]]:
    """The rows with the two ends of every interval together."""
    names = [str(column.interval).removesuffix("_interval") for column in columns]
    return [
        {**row, **same, **{f"{name}_interval": (row[f"{name}_low"], row[f"{name}_high"]) for name in names}}
        for row in rows
    ]
