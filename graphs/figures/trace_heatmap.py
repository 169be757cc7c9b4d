"""Causal tracing as heat maps of layer x position, for papers.

A recovery rate is the share of the gap between the corrupt and the clean run that is recovered when one component
of one layer is restored at one position of the prompt (Meng et al. 2022): 0 nothing, 1 everything. Sizes are in
inches, whatever matplotlib is set to: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, PAPER, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    Page,
    color_limit,
    draw_color_bar,
    draw_line,
    draw_upright,
    ink_on,
    layer_step,
    limit_caption,
    recovery_colors,
    signed,
    text_width,
    whole,
    wrapped,
)
from graphs.recovery_table import INDEXED_KINDS, KINDS, TraceTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MOST_WIDTH, _LEAST_WIDTH = 7.2, 4.6  # inches: a page
_MOST_LABEL = 1.5  # a position's name, before it is broken
_LABEL_LINE = 0.125  # between lines of such a name
_GAP = 0.16  # between panels
_MOST_CELL, _GRID_HEIGHT, _ROW_HEIGHTS = 0.42, 2.1, (0.14, 0.3)
_CELL_TEXT = 6.0  # points
_UPRIGHT_CELL = 0.105  # inches: narrower cells have no room for a number that reads upwards
_DOT, _FAINT_DOT = 1.7, "#5a5a5a"  # points at most, and the color on light cells


def trace_figure_bytes(table: TraceTable, kind: DrawingFormat) -> bytes:
    """The heat maps as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_trace, table), kind, dpi=DPI)


def draw_trace(table: TraceTable) -> Figure:
    """Heat maps of layer x position, a panel for each kind of component, on one color scale."""
    grid = _Grid.of(table)
    limit = color_limit(table.values.values())
    width = whole(min(max(grid.width, _LEAST_WIDTH), _MOST_WIDTH))
    page = Page.of(width, title=table.title, subtitle=table.subtitle, below=_caption(table, limit))
    bottom = whole(page.under + BAR_HEIGHT + 0.1 + 2 * LINE + 0.04)
    height = whole(bottom + grid.row * len(table.positions) + LINE + 0.06 + page.over)
    figure, axes = page.figure(height)
    _draw_names(axes, grid, bottom)
    for kind, left in zip(table.kinds, grid.lefts, strict=True):
        _draw_panel(axes, grid, (left, bottom), table, kind, limit)
    draw_color_bar(axes, grid.lefts[0], page.under, limit, name=table.measure)
    return figure


class _Grid(NamedTuple):
    """Where the cells are, in inches.

    lefts        of each panel
    cell, row    width of a column, height of a row
    names        lines of the name of each position
    orientation  how the numbers in the cells are written; None where cells are too small for them
    """

    lefts: tuple[float, ...]
    width: float
    cell: float
    row: float
    names: list[list[str]]
    orientation: Literal["along", "upwards"] | None

    @classmethod
    def of(cls, table: TraceTable) -> _Grid:
        """The cells that a table needs: as wide as the page has room for."""
        names = [wrapped(name, _MOST_LABEL) for name in table.names]
        left = MARGIN + max(text_width(line) for lines in names for line in lines) + 0.08
        n_columns = [len(table.values[kind]) for kind in table.kinds]
        titles = [text_width(KINDS[kind]) for kind in table.kinds]
        room = _MOST_WIDTH - MARGIN - left - _GAP * (len(n_columns) - 1)
        cell = int(min(room / sum(n_columns), _MOST_CELL) * DPI) / DPI
        panels = [max(cell * n, title) for n, title in zip(n_columns, titles, strict=True)]
        lefts = [left + sum(panels[:number]) + _GAP * number for number in range(len(panels))]
        longest = max((text_width(text, size=_CELL_TEXT) for text in _cell_texts(table)), default=0)
        row = max(min(max(_GRID_HEIGHT / len(names), _ROW_HEIGHTS[0]), _ROW_HEIGHTS[1]), _names_height(names))
        if longest + 0.03 <= cell:
            orientation = "along"
        elif cell >= _UPRIGHT_CELL:
            orientation, row = "upwards", max(row, longest + 0.16)
        else:
            orientation = None
        return cls(tuple(map(whole, lefts)), lefts[-1] + panels[-1] + MARGIN, cell, whole(row), names, orientation)


def _names_height(names: list[list[str]]) -> float:
    return _LABEL_LINE * max(map(len, names)) + 0.03


def _draw_names(axes: Axes, grid: _Grid, bottom: float) -> None:
    """The names of the positions, right of which the panels begin; the first position on top."""
    x = grid.lefts[0] - 0.08
    for number, lines in enumerate(reversed(grid.names)):
        middle = bottom + grid.row * (number + 0.5) + _LABEL_LINE * (len(lines) - 1) / 2
        for below, line in enumerate(lines):
            draw_text(axes, x, middle - _LABEL_LINE * below, line, size=NORMAL, ha="right", va="center")


def _draw_panel(
    axes: Axes, grid: _Grid, corner: tuple[float, float], table: TraceTable, kind: str, limit: float
) -> None:
    """The cells of one kind of component, with their numbers and marks; the layers below, the name above."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    left, bottom = corner
    values, has_zero = table.values[kind], table.includes_zero(kind)
    (n_layers, n_positions), (width, height) = values.shape, (grid.cell, grid.row)
    colors = recovery_colors(values, limit)
    top = bottom + height * n_positions
    corners = {(n, m): (left + width * n, top - height * (m + 1)) for n in range(n_layers) for m in range(n_positions)}
    cells = PatchCollection([Rectangle(corner, width, height) for corner in corners.values()], zorder=1)
    cells.set(facecolor=[colors[cell] for cell in corners], edgecolor=PAPER, linewidth=min(0.6, 6 * width))
    axes.add_collection(cells)
    for cell, (x, y) in corners.items():
        center, ink = (x + width / 2, y + height / 2), ink_on(colors[cell])
        if np.isnan(values[cell]):
            half = min(0.28 * width, 0.04)
            draw_line(axes, [center[0] - half, center[0] + half], [center[1]] * 2, color="#7a7a7a", lw=0.7)
            continue
        if grid.orientation == "along":
            draw_text(axes, *center, _cell_text(values[cell]), size=_CELL_TEXT, color=ink, ha="center", va="center")
        elif grid.orientation == "upwards":
            draw_upright(axes, *center, _cell_text(values[cell]), size=_CELL_TEXT, color=ink)
        if has_zero[cell]:
            spot = {
                None: center,
                "along": (x + width - 0.03, y + height - 0.03),
                "upwards": (center[0], y + height - 0.04),
            }
            dot = {"marker": "o", "ms": min(_DOT, 30 * width), "mfc": _FAINT_DOT if ink == INK else ink, "mew": 0}
            draw_line(axes, *([at] for at in spot[grid.orientation]), ls="none", zorder=3, **dot)
    middle = left + width * n_layers / 2
    for layer in range(0, n_layers, layer_step(n_layers, width)):
        x = left + width * (layer + 0.5)
        draw_line(axes, [x, x], [bottom, bottom - 0.03], color=INK, lw=0.5)
        draw_text(axes, x, bottom - 0.05, str(layer), size=NORMAL, ha="center", va="top")
    draw_text(axes, middle, bottom - 0.05 - LINE, "layer", size=NORMAL, ha="center", va="top")
    draw_text(axes, left, top + 0.06, KINDS[kind], size=NORMAL)


def _cell_texts(table: TraceTable) -> Iterator[str]:
    for values in table.values.values():
        yield from map(_cell_text, values[~np.isnan(values)])


def _cell_text(value: float) -> str:
    return signed(float(value), 2 if abs(value) < 10 else 0)


def _caption(table: TraceTable, limit: float) -> Iterator[str]:
    parts = [definition(table), limit_caption(table.values.values(), limit)]
    if any(table.includes_zero(kind).any() for kind in table.kinds):
        parts.append("Dot in a cell: its 95 % t interval includes 0.")
    if table.is_partial:
        parts.append("Gray with a dash: not measured.")
    yield " ".join(parts)
    yield from table.notes


def definition(table: TraceTable) -> str:
    """What the numbers mean, and how hidden states are counted where there are any."""
    what = next((kind for kind in INDEXED_KINDS if kind in table.values), "component at one position")
    text = f"Recovery rate (RR): share of the gap between corrupt and clean run that restoring one {what} closes."
    if table.minus is not None:
        text = f"RR minus that of {table.minus}. {text}"
    if "residual" in table.values:
        text += " Hidden state n enters layer n; the last is the final one."
    return text
