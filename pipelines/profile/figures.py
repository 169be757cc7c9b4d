"""Profiles as a figure: every head of the model, one grid for each profile and place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from circuits.components import Component
from graphs.figures.head_grid import HeadGrid, HeadGrids, head_grid_bytes
from pipelines.profile.report import ProfileReport
from pipelines.profile.table import place_of
from pipelines.reporting.tables import Row

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
_MOST = 12  # grids


def figures(report: ProfileReport) -> dict[str, bytes]:
    """heads.pdf and heads.svg; nothing where no profile is of heads."""
    about, grids = report.about, list(filter(None, (_grid(report, row) for row in report.profiles)))
    if not grids:
        return {}
    of = "weights alone" if about["task"] is None else f"{about['task']}, {_counted(report)} prompts"
    left_out = f" The first {_MOST} of {len(grids)}; profiles.csv has all." if len(grids) > _MOST else ""
    shown = HeadGrids(
        tuple(grids[:_MOST]),
        f"{about['model']} on {of}",
        title="Heads by profile",
        share_of="the largest",
        caption="Color: the mean of a head over prompts as a share of the largest of its grid by size, which stands "
        "above it; red is positive, blue negative, gray not measured. What heads do on clean prompts, and no effect of "
        "theirs."
        f"{left_out}",
    )
    return {f"heads.{kind}": head_grid_bytes(shown, kind) for kind in FORMATS}


def _counted(report: ProfileReport) -> str:
    """How many prompts the numbers are over: `16`, or `8 to 15 of 16` where some prompts do not count."""
    drawn = report.about["n_prompts"]
    counts = [row["n_prompts"] for row in report.profiles if row["n_prompts"]] or [drawn]
    some = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return some if counts == [drawn] * len(counts) else f"{some} of {drawn}"


def _grid(report: ProfileReport, of: Row) -> HeadGrid | None:
    """One profile at one place; None where no head has it."""
    own = [row for row in report.rows if (row["profile"], row["place"]) == (of["profile"], of["place"])]
    scores = np.full((report.about["n_layers"], report.about["n_heads"]), np.nan)
    for part, mean in _of_heads(own):
        scores[part.layer, part.index] = mean
    if np.isnan(scores).all():
        return None
    largest = float(np.nanmax(np.abs(scores)))
    title = of["profile"] if of["place"] == "all" else f"{of['profile']}, {place_of(of)}"
    shares = scores / largest if largest else scores
    return HeadGrid(f"{title}: {largest:z.3g}", shares, np.zeros(scores.shape, dtype=np.bool_), of["unit"])


def _of_heads(rows: Sequence[Row]) -> list[tuple[Component, float]]:
    parts = ((Component.parse(row["head"]), row["mean"]) for row in rows)
    return [(part, mean) for part, mean in parts if part.is_head and mean is not None]
