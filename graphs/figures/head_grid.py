"""Every head of a model, in one grid for each task or profile: layers from below, heads from the left.

By task, its score as a share of the gap, on one scale, and whether it is in the circuit: heads that several tasks use
are seen in the same place. By profile, its mean as a share of the largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.figures.canvas import INK, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    UNMEASURED,
    Page,
    color_limit,
    draw_color_bar,
    draw_upright,
    layer_step,
    recovery_colors,
    rgb,
    text_width,
    whole,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGEST_CELL, _GRID_SIDE, _GAP = 0.24, (2.1, 3.2), 0.55  # inches
_WIDEST = 2.5  # width of a cell, in its heights, where few grids have room
_LEAST_WIDTH, _WIDTH = 4.6, 7.6  # of the page
_LINE = 0.14


@dataclass(frozen=True)
class HeadGrid:
    """The heads of one task, or of one profile.

    scores      [layer, head] as shares of the gap between clean and corrupt prompts, or of the largest; NaN where not
                measured
    is_in       [layer, head] whether the head is in the circuit
    scores_are  what they are, in words
    """

    title: str
    scores: Floats
    is_in: Bools
    scores_are: str


@dataclass(frozen=True)
class HeadGrids:
    """What the figure shows."""

    grids: tuple[HeadGrid, ...]
    subtitle: str
    title: str = "Heads by task"
    share_of: str = "the gap"  # between clean and corrupt prompts
    caption: str | None = None


def head_grid_bytes(shown: HeadGrids, kind: DrawingFormat) -> bytes:
    """The grids as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_head_grids, shown), kind, dpi=DPI)


def draw_head_grids(shown: HeadGrids) -> Figure:
    """Grids from left to right, in rows."""
    n_layers, n_heads = shown.grids[0].scores.shape
    high = min(_LARGEST_CELL, _GRID_SIDE[0] / n_heads, _GRID_SIDE[1] / n_layers)
    free = (_LEAST_WIDTH - 2 * MARGIN) / len(shown.grids) - _GAP
    wide = min(_WIDEST * high, max(high, free / n_heads))
    inside = wide * n_heads
    titles = [wrapped(grid.title, max(inside, 1.2)) for grid in shown.grids]
    pitch = max(inside, 1.2) + _GAP
    across = max(1, min(len(shown.grids), int((_WIDTH - 2 * MARGIN) / pitch)))
    width = whole(max(2 * MARGIN + pitch * across, _LEAST_WIDTH))
    limit = color_limit(grid.scores for grid in shown.grids)
    page = Page.of(width, title=shown.title, subtitle=shown.subtitle, below=[shown.caption or _caption(shown)])
    above = 0.08 + _LINE * max(map(len, titles))
    rows = math.ceil(len(shown.grids) / across)
    each = above + high * n_layers + 0.36
    under = page.under + BAR_HEIGHT + 0.12
    height = whole(page.over + rows * each + under)
    figure, axes = page.figure(height)
    for number, (grid, title) in enumerate(zip(shown.grids, titles, strict=True)):
        row, column = divmod(number, across)
        left = MARGIN + 0.38 + pitch * column
        top = height - page.over - each * row - above
        for below, line in enumerate(reversed(title)):
            draw_text(axes, left, top + 0.06 + _LINE * below, line, size=NORMAL)
        _draw_grid(axes, (left, top), grid, (wide, high), limit, is_first=column == 0)
    draw_color_bar(axes, MARGIN, page.under, limit, name=f"share of {shown.share_of}")
    return figure


def _draw_grid(
    axes: Axes, corner: tuple[float, float], grid: HeadGrid, cell: tuple[float, float], limit: float, *, is_first: bool
) -> None:
    from matplotlib.patches import Rectangle

    (left, top), (wide, high), (n_layers, n_heads) = corner, cell, grid.scores.shape
    bottom = top - high * n_layers
    colors = recovery_colors(np.clip(grid.scores, -limit, limit), limit)
    for layer, head in np.ndindex(grid.scores.shape):
        x, y = left + wide * head, bottom + high * layer
        color = colors[layer, head] if np.isfinite(grid.scores[layer, head]) else rgb(UNMEASURED)
        axes.add_patch(Rectangle((x, y), wide, high, facecolor=tuple(color), edgecolor=PAPER, lw=0.4, zorder=1))
    for layer, head in np.argwhere(grid.is_in):
        inset = 0.09 * high
        at = (left + wide * head + inset, bottom + high * layer + inset)
        axes.add_patch(Rectangle(at, wide - 2 * inset, high - 2 * inset, fill=False, edgecolor=INK, lw=0.9, zorder=2))
    for n, place, side in ((n_layers, "layer", high), (n_heads, "head", wide)):
        for index in range(0, n, layer_step(n, side)):
            middle = side * (index + 0.5)
            if place == "layer":
                draw_text(axes, left - 0.05, bottom + middle, str(index), size=SMALL, ha="right", va="center")
            else:
                draw_text(axes, left + middle, bottom - 0.04, str(index), size=SMALL, ha="center", va="top")
    draw_text(axes, left + wide * n_heads / 2, bottom - 0.15, "head", size=SMALL, ha="center", va="top")
    if is_first:
        draw_upright(axes, left - 0.1 - text_width(str(n_layers - 1)) - 0.1, bottom + high * n_layers / 2, "layer")


def _caption(shown: HeadGrids) -> str:
    kinds = dict.fromkeys(grid.scores_are for grid in shown.grids)
    of = next(iter(kinds)) if len(kinds) == 1 else "; ".join(f"{grid.title}: {grid.scores_are}" for grid in shown.grids)
    return (
        "Framed: heads in the circuit. Color: the head's score as a share of the gap between clean and corrupt "
        f"prompts; red supports the behavior, blue works against it. Scores are {of}."
    )
