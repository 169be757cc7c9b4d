"""What rows of tables for papers were judged under: the columns that commands share, with their footnotes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from circuits.ablations import ABLATIONS
from circuits.solved import kept_of_drawn
from pipelines.reporting.tables import Column, Row, measured, value_at

JUDGED_ON = {"held-out": "prompts that took no part in choosing", "same": "the prompts that chose"}


def ablation(path: str = "ablation") -> Column:
    """The ablation, and what it puts in the place of values."""

    def footnote(row: Row) -> str | None:
        name = str(value_at(row, path)).partition("(")[0]
        return f"{name}: {ABLATIONS[name].summary}" if name in ABLATIONS else None

    return Column("ablation", path, footnote=footnote)


def prompts(path: str = "n_prompts", *, solved: str = "solved", judged_on: str | None = None) -> Column:
    """How many prompts, which of those drawn they are, and whether they chose what they judge."""

    def footnote(row: Row) -> str | None:
        of_drawn, judged = value_at(row, solved), None if judged_on is None else value_at(row, judged_on)
        said = [
            None if judged is None else JUDGED_ON.get(judged, judged),
            None if of_drawn is None else kept_of_drawn(of_drawn),
        ]
        return "; ".join(part for part in said if part) or None

    return measured("n_prompts", path, footnote=footnote)


def label(heading: str, rows: Sequence[Row], *candidates: Callable[[Row], Any]) -> Column:
    """The column that names rows: by the first of the candidates that tells all of them apart, else by the last."""
    for candidate in candidates:
        if len({str(candidate(row)) for row in rows}) == len(rows):
            return Column(heading, cell=candidate)
    return Column(heading, cell=candidates[-1])
