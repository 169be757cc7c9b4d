"""Transfer between tasks beside the overlap of their circuits: two square heat maps on one scale, for papers.

Rows are circuits; columns the tasks they are run on, and the circuits they are compared with. Where the two maps
differ, overlap does not tell what a circuit does. Sizes are in inches: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, PAPER, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    UNMEASURED,
    Page,
    draw_color_bar,
    ink_on,
    recovery_colors,
    rgb,
    signed,
    text_width,
    whole,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST_CELL, _MOST_CELL, _CELL_HEIGHT = 0.56, 1.1, 0.36  # inches
_GAP = 0.45  # between the two maps
_VALUE, _ENDS = 6.5, 4.6  # points
_COLUMN = NORMAL - 1
_LEAST_WIDTH, _MOST_NAME = 4.6, 1.3  # inches
_LIMIT = 1.0
_LINE = 0.125  # between lines of a name


@dataclass(frozen=True)
class TransferTable:
    """What the figure shows.

    names      of the runs: their tasks
    transfer   [circuit, task] faithfulness; NaN where it is not defined
    low, high  its interval; NaN where unbounded
    overlap    [circuit, circuit] intersection over union of the edges; NaN where both are empty
    subtitle   where the numbers come from
    """

    names: tuple[str, ...]
    transfer: Floats
    low: Floats
    high: Floats
    overlap: Floats
    subtitle: str


def transfer_figure_bytes(table: TransferTable, kind: DrawingFormat) -> bytes:
    """The heat maps as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(lambda: draw_transfer(table), kind, dpi=DPI)


def draw_transfer(table: TransferTable) -> Figure:
    """Transfer on the left, overlap on the right."""
    n, names = len(table.names), [wrapped(name, _MOST_NAME) for name in table.names]
    left = MARGIN + max(text_width(line) for lines in names for line in lines) + 0.08
    cell = _cell_width(table.names)
    side = cell * n
    width = whole(max(left + 2 * side + _GAP + MARGIN, _LEAST_WIDTH))
    page = Page.of(width, title="Transfer and overlap of circuits", subtitle=table.subtitle, below=[_caption(table)])
    under = page.under + BAR_HEIGHT + 0.14
    columns = [wrapped(name.replace("-", "- "), cell - 0.04, size=_COLUMN) for name in table.names]
    over = page.over + 2 * LINE + _LINE * max(map(len, columns))
    height = whole(under + _CELL_HEIGHT * n + over)
    figure, axes = page.figure(height)
    top = height - over
    for number, lines in enumerate(names):
        middle = top - _CELL_HEIGHT * (number + 0.5) + _LINE * (len(lines) - 1) / 2
        for below, line in enumerate(lines):
            draw_text(axes, left - 0.08, middle - _LINE * below, line, size=NORMAL, ha="right", va="center")
    ends = (table.low, table.high)
    _draw_map(axes, (left, top), cell, table.transfer, columns, "transfer (faithfulness)", ends)
    _draw_map(axes, (left + side + _GAP, top), cell, table.overlap, columns, "overlap (IoU of edges)")
    draw_color_bar(axes, left, page.under, _LIMIT, name="share")
    return figure


def _cell_width(names: Sequence[str]) -> float:
    """Wide enough for the longest word above a column, within bounds."""
    words = [f"{word}-" for name in names for word in name.split("-")]
    widest = max(text_width(word, size=_COLUMN) for word in words) + 0.05
    return min(max(widest, _LEAST_CELL), _MOST_CELL)


def _draw_map(
    axes: Axes,
    corner: tuple[float, float],
    cell: float,
    values: Floats,
    columns: list[list[str]],
    title: str,
    ends: tuple[Floats, Floats] | None = None,
) -> None:
    """One map with its title and the names of its columns above; `corner` is its upper left one, `cell` a width."""
    from matplotlib.patches import Rectangle

    (left, top), width, height = corner, cell, _CELL_HEIGHT
    colors = recovery_colors(np.clip(values, -_LIMIT, _LIMIT), _LIMIT)
    for row, column in np.ndindex(values.shape):
        x, y, value = left + width * column, top - height * (row + 1), float(values[row, column])
        color = colors[row, column] if np.isfinite(value) else rgb(UNMEASURED)
        axes.add_patch(Rectangle((x, y), width, height, facecolor=tuple(color), edgecolor=PAPER, lw=0.6, zorder=1))
        center, ink = (x + width / 2, y + height / 2), ink_on(color)
        if not np.isfinite(value):
            draw_text(axes, *center, "-", size=_VALUE, color=INK, ha="center", va="center")
            continue
        raised = 0.06 if ends is not None else 0
        shown = signed(value, 2)
        draw_text(axes, center[0], center[1] + raised, shown, size=_VALUE, color=ink, ha="center", va="center")
        if ends is not None:
            text = _interval(*(float(end[row, column]) for end in ends))
            draw_text(axes, center[0], center[1] - 0.09, text, size=_ENDS, color=ink, ha="center", va="center")
    n_lines = max(map(len, columns))
    for number, lines in enumerate(columns):
        for below, line in enumerate(reversed(lines)):
            at = (left + width * (number + 0.5), top + 0.05 + _LINE * below)
            draw_text(axes, *at, line, size=_COLUMN, ha="center")
    draw_text(axes, left, top + 0.12 + _LINE * n_lines, title, size=NORMAL)


def _interval(low: float, high: float) -> str:
    return "[-]" if not np.isfinite([low, high]).all() else f"[{signed(low, 2)}, {signed(high, 2)}]"


def _caption(table: TransferTable) -> str:
    """What the numbers mean."""
    parts = [
        "Transfer: the share of a task's (column) gap between clean and corrupt prompts that a circuit (row) alone "
        "keeps, with its 95 % t interval over prompts. Overlap: intersection over union of the edges of two circuits."
    ]
    if np.nanmax(np.abs(table.transfer), initial=0) > _LIMIT:
        parts.append("Colors end at 1.")
    return " ".join(parts)
