"""Why heads attend, as tables: what was written into the query (rows) times what was written into the key (columns).

A cell is one writer's part in the query with one's in the key; the sums of rows and columns stand on the right and
below, and all of it adds up to the score in the corner. Sizes are in inches: the same table gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    Page,
    draw_color_bar,
    draw_upright,
    ink_on,
    recovery_colors,
    signed,
    text_width,
    whole,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL, _SUMS = (0.44, 0.19), 0.1  # inches: a cell, and the gap before the sums
_ABOVE, _BETWEEN = 0.2, 0.3


@dataclass(frozen=True)
class ReadTable:
    """The score of one head, split.

    queries, keys  names of rows and columns
    values  [query + 1, key + 1] parts of the score; the last row and column are the sums of the others
    is_sure  [query + 1, key + 1] whether the interval over prompts of a part holds no 0
    """

    title: str
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    values: Floats
    is_sure: Bools


@dataclass(frozen=True)
class ReadTables:
    """What the figure shows: a table for each head, below each other; `notes` are said below them."""

    tables: tuple[ReadTable, ...]
    title: str
    subtitle: str
    notes: tuple[str, ...] = ()


def read_tables_bytes(shown: ReadTables, kind: DrawingFormat) -> bytes:
    """The tables as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_read_tables, shown), kind, dpi=DPI)


def draw_read_tables(shown: ReadTables) -> Figure:
    """Each table with its own colors: they end at its largest part, sums apart."""
    names = [name for table in shown.tables for name in (*table.queries, "sum")]
    left = whole(MARGIN + LINE + 0.06 + max(text_width(name, size=SMALL) for name in names) + 0.08)
    widest = max(len(table.keys) for table in shown.tables)
    width = whole(max(left + _CELL[0] * (widest + 1) + _SUMS + MARGIN, 4.8))
    page = Page.of(width, title=shown.title, subtitle=shown.subtitle, below=[_CAPTION, *shown.notes])
    overs = [_ABOVE + 2 * LINE + 0.04 for _ in shown.tables]
    heights = [_CELL[1] * (len(table.queries) + 1) + _SUMS for table in shown.tables]
    each = [over + height + _BETWEEN for over, height in zip(overs, heights, strict=True)]
    height = whole(page.over + sum(each) + BAR_HEIGHT + 0.1 + page.under)
    figure, axes = page.figure(height)
    top = height - page.over
    for table, over, size in zip(shown.tables, overs, each, strict=True):
        draw_text(axes, MARGIN, top - _ABOVE + 0.06, table.title, size=NORMAL, weight="bold")
        _draw_table(axes, (left, top - over), table)
        top -= size
    draw_color_bar(axes, MARGIN, page.under, 1.0, name="share of the largest part")
    return figure


def _draw_table(axes: Axes, corner: tuple[float, float], table: ReadTable) -> None:
    """The cells from a corner, above left, with the names around them."""
    from matplotlib.patches import Rectangle

    (left, top), (n_queries, n_keys) = corner, (len(table.queries), len(table.keys))
    largest = float(np.abs(table.values[:-1, :-1]).max(initial=0)) or 1.0
    colors = recovery_colors(np.clip(table.values / largest, -1, 1), 1.0)
    for (row, column), value in np.ndenumerate(table.values):
        is_sum = row == n_queries or column == n_keys
        x = left + _CELL[0] * column + (_SUMS if column == n_keys else 0)
        y = top - _CELL[1] * (row + 1) - (_SUMS if row == n_queries else 0)
        color = (1.0, 1.0, 1.0) if is_sum else tuple(colors[row, column])
        edge = FAINT if is_sum else PAPER
        axes.add_patch(Rectangle((x, y), *_CELL, facecolor=color, edgecolor=edge, lw=0.4, zorder=1))
        weight, ink = "bold" if table.is_sure[row, column] else "normal", ink_on(color)
        at = (x + _CELL[0] / 2, y + _CELL[1] / 2)
        draw_text(axes, *at, signed(float(value), 2), size=SMALL, color=ink, weight=weight, ha="center", va="center")
    for row, name in enumerate((*table.queries, "sum")):
        y = top - _CELL[1] * (row + 0.5) - (_SUMS if row == n_queries else 0)
        draw_text(axes, left - 0.06, y, name, size=SMALL, ha="right", va="center")
    for column, name in enumerate((*table.keys, "sum")):
        x = left + _CELL[0] * (column + 0.5) + (_SUMS if column == n_keys else 0)
        draw_text(axes, x, top + 0.05, name, size=SMALL, ha="center")
    draw_text(axes, left + _CELL[0] * n_keys / 2, top + 0.05 + LINE, "written into the key", size=SMALL, ha="center")
    middle = top - _CELL[1] * n_queries / 2
    draw_upright(axes, MARGIN + LINE / 2, middle, "into the query", size=SMALL, color=INK)


_CAPTION = (
    "A cell: the part of the attention score, before the softmax, that one writer's part of the query makes with one's "
    "part of the key, mean over prompts; rows, columns and the whole add up. Bold: the 95 % t interval over prompts "
    "holds no 0, for each cell alone. Only differences between keys change attention."
)
