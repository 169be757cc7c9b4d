"""Tables for papers whose rows are each of two circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.reporting.paper.facts import ablation
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row


def _pair_facts(row: Row, summary: Row) -> Row:
    """What both circuits of a pair have in common, and each where they differ."""
    sides = [summary["of_runs"][row[side]] for side in "ab"]
    return {
        name: " / ".join(dict.fromkeys(str(side[name]) for side in sides))
        for name in ("model", "method", "metric", "ablation")
    }


def of_pairs(
    title: str, rows: Sequence[Row], label: Sequence[Column], columns: Sequence[Column], summary: Row, **more: Any
) -> PaperTable:
    """A table of rows that are each of two circuits, `a` and `b`; of one pair these are said below."""
    known = [{**row, **_pair_facts(row, summary)} for row in rows]
    one = len({(row["a"], row["b"]) for row in rows}) == 1
    return PaperTable(
        title=title + (f": {rows[0]['a']} (A) and {rows[0]['b']} (B)" if one else ""),
        label=label if one else [Column("A", "a"), Column("B", "b"), *label],
        columns=columns,
        rows=known,
        conditions=[*map(Column, ("model", "metric")), ablation()],
        settings=[Column("method")],
        **more,
    )
