"""The figure of `circuits influence`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from graphs.figures.text_bars import TextBar, TextBars, text_bars_bytes
from pipelines.influence.report import InfluenceReport
from pipelines.influence.table import masked_in_words
from pipelines.reporting.tables import value_at

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")


def figures(report: InfluenceReport) -> dict[str, bytes]:
    """The texts by their influence, in every format: file name -> content. Nothing where no influence is defined."""
    bars = tuple(
        TextBar(row["text"], row["group"], row["influence"], row["influence_interval"], value_at(row, "random.range"))
        for row in report.rows
        if row["influence"] is not None
    )
    if not bars:
        return {}
    about = report.about
    subtitle = f"{about['texts_file']} on {Path(about['model']).name}, masked: {masked_in_words(about)}"
    table = TextBars(bars, "Influence: (L masked - L) / L", subtitle)
    return {f"influence.{kind}": text_bars_bytes(table, kind) for kind in FORMATS}
