"""Circuits made of several: how large each is, which circuits it is made of, and what it keeps of every task.

An UpSet plot (Lex et al. 2014) whose columns are circuits that were run: a bar for the size, a dot for every circuit
that its edges are in, a ring for each of those of which some are enough, a cross for each that must lack them; below, a
row of cells for every task, with the faithfulness.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from graphs.figures.canvas import INK, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    DPI,
    Page,
    beyond_caption,
    draw_beyond,
    draw_line,
    ink_on,
    recovery_colors,
    round_step,
    signed,
    text_width,
    whole,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Role = Literal["in", "some", "out"]
_BARS, _COLUMN, _ROW = 1.1, 0.34, 0.2  # inches
_BAR, _GRID, _LINK = "#0072B2", "#e3e3e3", "#1a1a1a"
_UNASKED = "#ececec"
_VALUE = 6.0  # points
_LIMIT = 1.0


@dataclass(frozen=True)
class SetColumn:
    """One circuit.

    n_edges  its size
    roles    circuit -> whether its edges are in that one, in some of those marked so, or not in it
    keeps    task -> faithfulness; None where it is not defined; tasks on which it was not run are left out
    name     written above the bar, where the roles do not say it; may be empty
    """

    n_edges: int
    roles: dict[str, Role]
    keeps: dict[str, float | None]
    name: str = ""


@dataclass(frozen=True)
class SetCircuits:
    """What the figure shows; `level` is edges or components."""

    names: tuple[str, ...]
    columns: tuple[SetColumn, ...]
    level: str
    subtitle: str
    notes: tuple[str, ...] = ()


def set_circuits_bytes(shown: SetCircuits, kind: DrawingFormat) -> bytes:
    """The plot as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_set_circuits, shown), kind, dpi=DPI)


def draw_set_circuits(shown: SetCircuits) -> Figure:
    """Bars, dots and cells, one column for each circuit."""
    labels = [f"on {name}" for name in shown.names]
    left = MARGIN + max(0.5, *(text_width(label) for label in labels)) + 0.1
    n = len(shown.names)
    width = whole(max(left + _COLUMN * len(shown.columns) + MARGIN, 5.2))
    kept = np.array([value or 0.0 for column in shown.columns for value in column.keeps.values()])
    below = [_caption(shown), *beyond_caption(kept, _LIMIT), *shown.notes]
    page = Page.of(width, title="Circuits made of several", subtitle=shown.subtitle, below=below)
    height = whole(page.over + 0.32 + _BARS + 0.12 + _ROW * n + 0.14 + _ROW * n + 0.1 + page.under)
    figure, axes = page.figure(height)
    floor = height - page.over - 0.32 - _BARS
    dots, cells = floor - 0.12, floor - 0.12 - _ROW * n - 0.14
    _draw_scale(axes, (left, floor), width - MARGIN, shown)
    for row, name in enumerate(shown.names):
        draw_text(axes, left - 0.08, dots - _ROW * (row + 0.5), name, size=NORMAL, ha="right", va="center")
        draw_text(axes, left - 0.08, cells - _ROW * (row + 0.5), f"on {name}", size=NORMAL, ha="right", va="center")
    largest = max(column.n_edges for column in shown.columns) or 1
    for number, column in enumerate(shown.columns):
        x = left + _COLUMN * (number + 0.5)
        _draw_bar(axes, (x, floor), column, largest)
        _draw_dots(axes, (x, dots), column, shown.names)
        _draw_cells(axes, (x, cells), column, shown.names)
    return figure


def _draw_scale(axes: Axes, corner: tuple[float, float], right: float, shown: SetCircuits) -> None:
    (left, floor), largest = corner, max(column.n_edges for column in shown.columns) or 1
    step = max(1, round(round_step(largest / 3)))
    for value in range(0, largest + 1, step):
        y = floor + _BARS * value / largest
        draw_line(axes, [left, right], [y, y], color=_GRID, lw=0.6, zorder=0)
        draw_text(axes, left - 0.08, y, f"{value:,}", size=SMALL, ha="right", va="center")
    draw_text(axes, MARGIN, floor + _BARS + 0.18, shown.level, size=NORMAL)


def _draw_bar(axes: Axes, foot: tuple[float, float], column: SetColumn, largest: int) -> None:
    from matplotlib.patches import Rectangle

    (x, floor), height = foot, _BARS * column.n_edges / largest
    axes.add_patch(Rectangle((x - 0.1, floor), 0.2, height, facecolor=_BAR, edgecolor="none", zorder=2))
    draw_text(axes, x, floor + height + 0.04, f"{column.n_edges:,}", size=SMALL, ha="center")
    if column.name:
        draw_text(axes, x, floor + height + 0.15, column.name, size=SMALL, ha="center", color="#4a4a4a")


def _draw_dots(axes: Axes, top: tuple[float, float], column: SetColumn, names: tuple[str, ...]) -> None:
    x, first = top
    linked = [row for row, name in enumerate(names) if column.roles.get(name) == "in"]
    if len(linked) > 1:
        ends = [first - _ROW * (row + 0.5) for row in (linked[0], linked[-1])]
        draw_line(axes, [x, x], ends, color=_LINK, lw=1.2, zorder=1)
    for row, name in enumerate(names):
        y, role = first - _ROW * (row + 0.5), column.roles.get(name)
        if role == "out":
            draw_text(axes, x, y, "×", size=NORMAL, ha="center", va="center", color=INK)
            continue
        face = {"in": _LINK, "some": PAPER}.get(role or "", _UNASKED)
        edge, size, over = (_LINK, 5.5, 3) if role else (_UNASKED, 4, 0)
        draw_line(axes, [x], [y], marker="o", ms=size, mfc=face, mec=edge, mew=1.0, ls="none", zorder=over)


def _draw_cells(axes: Axes, top: tuple[float, float], column: SetColumn, names: tuple[str, ...]) -> None:
    from matplotlib.patches import Rectangle

    x, first = top
    for row, name in enumerate(names):
        if name not in column.keeps:
            continue
        value, corner = column.keeps[name], (x - _COLUMN / 2, first - _ROW * (row + 1))
        shown = np.clip(np.array([np.nan if value is None else value]), -_LIMIT, _LIMIT)
        color = tuple(recovery_colors(shown, _LIMIT)[0])
        axes.add_patch(Rectangle(corner, _COLUMN, _ROW, facecolor=color, edgecolor=PAPER, lw=0.6, zorder=1))
        draw_beyond(axes, corner, _COLUMN, _ROW, value or 0.0, _LIMIT)
        text = "-" if value is None else signed(value, 2)
        middle = corner[1] + _ROW / 2
        draw_text(axes, x, middle, text, size=_VALUE, ha="center", va="center", color=ink_on(color))


def _caption(shown: SetCircuits) -> str:
    return (
        f"Bars: {shown.level} of each circuit that was run. Filled: in this circuit, linked: in all of these. Ring: in "
        "any of these, or in as many as the number above the bar says. Cross: not in this one. Cells: faithfulness on "
        "each task, the share of the gap between clean and corrupt prompts that the circuit alone keeps; none where it "
        "was not run."
    )
