"""Rows of effects as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from graphs.figures.edit_bars import EditBar, EditBars, edit_figure_bytes
from pipelines.reporting.tables import Row, value_at

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")


def bars_of(rows: Sequence[Row], *, title: str, subtitle: str, chance: float, metric: str) -> EditBars:
    """What the figure of rows shows, as `effect_rows` makes these."""
    return EditBars(tuple(map(_bar, rows)), title, subtitle, chance, metric.replace("-", " "))


def figures(name: str, table: EditBars) -> dict[str, bytes]:
    """The figure in every format: file name -> content."""
    return {f"{name}.{kind}": edit_figure_bytes(table, kind) for kind in FORMATS}


def _bar(row: Row) -> EditBar:
    has_edits = bool(row["heads"])
    return EditBar(
        ", ".join(row["heads"]) or "none",
        row["accuracy"],
        row["accuracy_interval"],
        row["difference"] if has_edits else None,
        row["difference_interval"] if has_edits else None,
        value_at(row, "random.accuracy.range"),
        value_at(row, "random.difference.range"),
        bool(row.get("is_chosen")),
    )
