"""Transfer between tasks beside the overlap of their circuits: two square heat maps on one scale, for papers.

Rows are circuits; columns the tasks they are run on, and the circuits they are compared with. Where the two maps
differ, overlap does not tell what a circuit does. Sizes are in inches: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    UNMEASURED,
    Page,
    beyond_caption,
    draw_beyond,
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

_LEAST_CELL, _MOST_CELL, _CELL_HEIGHT = 0.66, 1.1, 0.36  # inches
_GAP = 0.45  # between the two maps
_ENDS = 6.0  # points
_ROOM = Room(60.0, 60.0)  # inches
_LEAST_WIDTH, _MOST_NAME = 3.6, 1.3  # inches
_LIMIT = 1.0
_LINE = 0.125  # between lines of a name


@dataclass(frozen=True)
class TransferTable:
    """What the figure shows.

    names      of the runs: their tasks
    transfer   [circuit, task] faithfulness; NaN where it is not defined
    low, high  its interval; NaN where unbounded
    overlap    [circuit, circuit] intersection over union of the edges; NaN where both are empty
    overlap_low, overlap_high  its interval; NaN where prompts were not drawn again, and of a circuit with itself
    subtitle   where the numbers come from
    """

    names: tuple[str, ...]
    transfer: Floats
    low: Floats
    high: Floats
    overlap: Floats
    overlap_low: Floats
    overlap_high: Floats
    subtitle: str


def transfer_figure_bytes(table: TransferTable, kind: DrawingFormat) -> bytes:
    """The heat maps as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_transfer, table), kind, dpi=DPI)


def draw_transfer(table: TransferTable, room: Room = _ROOM) -> Figure:
    """Transfer on the left, overlap on the right; below it where the room is too narrow for both."""
    n, names = len(table.names), [wrapped(name, _MOST_NAME) for name in table.names]
    left = MARGIN + max(text_width(line) for lines in names for line in lines) + 0.08
    cell = _cell_width(table.names)
    side = cell * n
    is_beside = left + 2 * side + _GAP + MARGIN <= room.width
    width = whole(max(left + side * (2 if is_beside else 1) + _GAP * is_beside + MARGIN, _LEAST_WIDTH))
    page = Page.of(width, title="Transfer and overlap of circuits", subtitle=table.subtitle, below=[_caption(table)])
    columns = [wrapped(name.replace("-", "- "), cell - 0.04, size=SMALL) for name in table.names]
    above = 2 * LINE + _LINE * max(map(len, columns))
    each = above + _CELL_HEIGHT * n
    under = page.under + BAR_HEIGHT + 0.14
    figure, axes = page.figure(whole(page.over + each * (1 if is_beside else 2) + under))
    top = under + each * (1 if is_beside else 2) - above
    corners = [(left, top), (left + side + _GAP, top) if is_beside else (left, top - each)]
    for _, corner in corners[:1] if is_beside else corners:
        _draw_names(axes, left - 0.08, corner, names)
    of_transfer, of_overlap = _intervals(table.low, table.high), _intervals(table.overlap_low, table.overlap_high)
    for number in range(n):
        of_overlap[number][number] = ""  # a circuit overlaps with itself, whatever the prompts
    _draw_map(axes, corners[0], cell, table.transfer, columns, "transfer (faithfulness)", of_transfer)
    _draw_map(axes, corners[1], cell, table.overlap, columns, "overlap (IoU of edges)", of_overlap)
    draw_color_bar(axes, left, page.under, _LIMIT, name="share")
    return figure


def _draw_names(axes: Axes, right: float, top: float, names: Sequence[Sequence[str]]) -> None:
    """The names of the rows of a map."""
    for number, lines in enumerate(names):
        middle = top - _CELL_HEIGHT * (number + 0.5) + _LINE * (len(lines) - 1) / 2
        for below, line in enumerate(lines):
            draw_text(axes, right, middle - _LINE * below, line, size=NORMAL, ha="right", va="center")


def _cell_width(names: Sequence[str]) -> float:
    """Wide enough for the longest word above a column, within bounds."""
    words = [f"{word}-" for name in names for word in name.split("-")]
    widest = max(text_width(word, size=SMALL) for word in words) + 0.05
    return min(max(widest, _LEAST_CELL), _MOST_CELL)


def _draw_map(
    axes: Axes,
    corner: tuple[float, float],
    cell: float,
    values: Floats,
    columns: list[list[str]],
    title: str,
    intervals: Sequence[Sequence[str]],
) -> None:
    """One map with its title and the names of its columns above.

    corner, cell  its upper left corner, and the width of a cell
    intervals     [row][column] what stands below each value
    """
    from matplotlib.patches import Rectangle

    (left, top), width, height = corner, cell, _CELL_HEIGHT
    colors = recovery_colors(np.clip(values, -_LIMIT, _LIMIT), _LIMIT)
    for row, column in np.ndindex(values.shape):
        x, y, value = left + width * column, top - height * (row + 1), float(values[row, column])
        color = colors[row, column] if np.isfinite(value) else rgb(UNMEASURED)
        axes.add_patch(Rectangle((x, y), width, height, facecolor=tuple(color), edgecolor=PAPER, lw=0.6, zorder=1))
        draw_beyond(axes, (x, y), width, height, value, _LIMIT)
        center, ink = (x + width / 2, y + height / 2), ink_on(color)
        if not np.isfinite(value):
            draw_text(axes, *center, "-", size=SMALL, color=INK, ha="center", va="center")
            continue
        text = intervals[int(row)][int(column)]
        y = center[1] + (0.07 if text else 0)
        draw_text(axes, center[0], y, signed(value, 2), size=SMALL, color=ink, ha="center", va="center")
        draw_text(axes, center[0], center[1] - 0.08, text, size=_ENDS, color=ink, ha="center", va="center")
    n_lines = max(map(len, columns))
    for number, lines in enumerate(columns):
        for below, line in enumerate(reversed(lines)):
            at = (left + width * (number + 0.5), top + 0.05 + _LINE * below)
            draw_text(axes, *at, line, size=SMALL, ha="center")
    draw_text(axes, left, top + 0.12 + _LINE * n_lines, title, size=NORMAL)


def _intervals(low: Floats, high: Floats) -> list[list[str]]:
    """[row][column] as text; `[-]` where there is none."""

    def text(ends: tuple[float, float]) -> str:
        return "[-]" if not np.isfinite(ends).all() else f"[{signed(ends[0], 2)}, {signed(ends[1], 2)}]"

    return [[text(ends) for ends in zip(*row, strict=True)] for row in zip(low, high, strict=True)]


def _caption(table: TransferTable) -> str:
    """What the numbers mean."""
    parts = [
        "Transfer: the share of a task's (column) gap between clean and corrupt prompts that a circuit (row) alone "
        "keeps, with its 95 % t interval over prompts. Overlap: intersection over union of the edges of two circuits, "
        "with its 95 % bootstrap interval over the prompts that chose them. [-]: no interval."
    ]
    return " ".join([*parts, *beyond_caption(table.transfer, _LIMIT)])
