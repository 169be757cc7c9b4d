"""Causal tracing as curves over depth, for papers: recovery rates by layer, each with its 95 % t interval as a band.

The table is the one that heat maps are drawn from. Curves are told apart by color, marker and dashes together, and all
panels share one scale. The same table gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    DPI,
    Page,
    draw_line,
    draw_upright,
    layer_step,
    round_step,
    text_width,
    tick_labels,
    whole,
    wrapped,
)
from graphs.figures.trace_heatmap import definition
from graphs.recovery_table import KINDS, RECOVERY_RATE, TraceTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's without yellow, then Tol's wine: told apart with any color vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#1a1a1a", "#56B4E9", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_DASHES = ("-", (0, (4, 1.4)), (0, (1, 1.1)), (0, (5, 1.2, 1, 1.2)))
_MOST_CURVES = len(COLORS) * len(MARKERS)

_WIDTH = 7.2  # inches: the page
_NARROW = 4.2  # of a page with one panel
_HEIGHT = 1.75  # of a panel
_GAP = 0.14  # between panels side by side
_INSET = 0.1  # from a panel's frame to the first and last layer
_KEY = 0.34  # a legend entry's line
_GRID = "#e3e3e3"
_MOST_TICKS = 7  # of recovery rates
_MARKED = 16  # markers on a curve, or one more: further ones would hide it


def depth_figure_bytes(table: TraceTable, kind: DrawingFormat, *, by: Literal["kind", "position"] = "kind") -> bytes:
    """The curves as a PDF, SVG or PNG file, at 300 dots an inch. `by`: what each panel shows."""
    return figure_bytes(partial(draw_depth, table, by=by), kind, dpi=DPI)


def draw_depth(table: TraceTable, *, by: Literal["kind", "position"] = "kind") -> Figure:
    """Curves over layers: a panel for each kind with a curve for each position, or the other way round.

    ValueError where there are more curves in a panel than can be told apart.
    """
    if by not in ("kind", "position"):
        raise ValueError(f"no panels by {by!r}. Known: kind, position.")
    panels = _panels(table, by)
    curves = panels[0].curves
    if len(curves) > _MOST_CURVES:
        raise ValueError(
            f"{len(curves)} curves in a panel; at most {_MOST_CURVES} can be told apart. Use the heat map."
        )
    axis = _Axis.of(table)
    width = whole(_NARROW if len(panels) == 1 else _WIDTH)
    page = Page.of(width, title=table.title, subtitle=table.subtitle, below=_caption(table))
    legend = _legend_rows([curve.name for curve in curves], width - 2 * MARGIN)
    left = whole(MARGIN + LINE + max(map(text_width, axis.labels)) + 0.08)
    n_columns = _n_columns(len(panels))
    pitch = (width - MARGIN - left + _GAP) / n_columns
    n_rows = math.ceil(len(panels) / n_columns)
    titles = [wrapped(panel.title, pitch - _GAP) for panel in panels]
    pad = LINE * max(map(len, titles)) + 2 * LINE + 0.16  # what a panel has above and below
    base = whole(page.under + 1.15 * LINE * len(legend) + 0.06)
    figure, axes = page.figure(whole(base + n_rows * (_HEIGHT + pad) + page.over))
    for number, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(number, n_columns)
        bottom = base + (n_rows - 1 - row) * (_HEIGHT + pad) + 2 * LINE + 0.1
        plot = _Plot(left + pitch * column, bottom, pitch - _GAP, axis)
        plot.draw_scales(axes, title, n_layers=max(len(curve.values) for curve in panel.curves), is_first=column == 0)
        for index, curve in enumerate(panel.curves):
            plot.draw_curve(axes, curve, index, len(panel.curves))
    _draw_legend(axes, legend, page.under + 0.03)
    return figure


class _Curve(NamedTuple):
    """Recovery rates over layers; [layer] each."""

    name: str
    values: Floats
    low: Floats
    high: Floats


class _Panel(NamedTuple):
    title: str
    curves: list[_Curve]


class _Axis(NamedTuple):
    """What all panels share: the layers, and the range of recovery rates with its labeled numbers."""

    last_layer: int
    low: float
    high: float
    ticks: list[float]

    @classmethod
    def of(cls, table: TraceTable) -> _Axis:
        """Axes that hold all values and bounded intervals, and 0."""
        ends = np.concatenate(
            [rates[kind].ravel() for rates in (table.values, table.low, table.high) for kind in rates]
        )
        ends = ends[np.isfinite(ends)]
        low, high = float(ends.min(initial=0)), float(ends.max(initial=0))
        if low == high:
            high = 1.0
        step = round_step((high - low) / _MOST_TICKS)
        numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        room = 0.05 * (high - low)
        most = max(map(len, table.values.values()))
        return cls(most - 1, low - room, high + room, [step * number for number in numbers])

    @property
    def labels(self) -> list[str]:
        """The numbers as text, all with the same number of decimals."""
        return tick_labels(self.ticks)


class _Plot(NamedTuple):
    """A panel on the page, in inches."""

    left: float
    bottom: float
    width: float
    axis: _Axis

    def across(self, layer: float) -> float:
        """x of a layer."""
        if self.axis.last_layer == 0:
            return self.left + self.width / 2
        return self.left + _INSET + (self.width - 2 * _INSET) * layer / self.axis.last_layer

    def level(self, value: float) -> float:
        """y of a recovery rate."""
        return self.bottom + _HEIGHT * (value - self.axis.low) / (self.axis.high - self.axis.low)

    def draw_scales(self, axes: Axes, title: list[str], *, n_layers: int, is_first: bool) -> None:
        """Grid, the line at 0, layers and title; numbers and their name left of the first panel of a row."""
        right, top = self.left + self.width, self.bottom + _HEIGHT
        for tick, label in zip(self.axis.ticks, self.axis.labels, strict=True):
            y, is_zero = self.level(tick), float(label.replace("\u2212", "-")) == 0
            look = {"color": "#5a5a5a", "lw": 0.9} if is_zero else {"color": _GRID, "lw": 0.6}
            draw_line(axes, [self.left, right], [y, y], zorder=1 if is_zero else 0, **look)
            if is_first:
                draw_text(axes, self.left - 0.06, y, label, size=NORMAL, ha="right", va="center")
        draw_line(axes, [self.left, self.left], [self.bottom, top], color=FAINT, lw=0.6, zorder=0)
        draw_line(axes, [self.left, right], [self.bottom] * 2, color=INK, lw=0.6, zorder=0)
        pitch = (self.width - 2 * _INSET) / max(self.axis.last_layer, 1)
        for layer in range(0, n_layers, layer_step(self.axis.last_layer + 1, pitch)):
            x = self.across(layer)
            draw_line(axes, [x, x], [self.bottom, self.bottom - 0.03], color=INK, lw=0.6)
            draw_text(axes, x, self.bottom - 0.06, str(layer), size=NORMAL, ha="center", va="top")
        middle = self.left + self.width / 2
        draw_text(axes, middle, self.bottom - 0.06 - LINE, "layer", size=NORMAL, ha="center", va="top")
        for number, line in enumerate(reversed(title)):
            draw_text(axes, self.left, top + 0.06 + LINE * number, line, size=NORMAL)
        if is_first:
            draw_upright(axes, MARGIN + LINE / 2, self.bottom + _HEIGHT / 2, RECOVERY_RATE)

    def draw_curve(self, axes: Axes, curve: _Curve, number: int, n_curves: int) -> None:
        """A curve, and its band where intervals are bounded; a bar instead where a layer has no neighbor with one."""
        from matplotlib.patches import Polygon

        look = _look(number)
        every = math.ceil(len(curve.values) / _MARKED)
        for run in _runs(np.where(_is_bounded(curve.low, curve.high), curve.values, np.nan)):
            xs = [self.across(layer) for layer in run]
            low, high = ([self.level(ends[n]) for n in run] for ends in (curve.low, curve.high))
            if len(run) == 1:
                draw_line(axes, xs * 2, [low[0], high[0]], color=look["color"], lw=0.9, zorder=2)
            else:
                outline = [*zip(xs, low, strict=True), *zip(reversed(xs), reversed(high), strict=True)]
                axes.add_patch(Polygon(outline, fc=look["color"], alpha=0.13, lw=0, zorder=2))
        for run in _runs(curve.values):
            xs, ys = [self.across(layer) for layer in run], [self.level(curve.values[layer]) for layer in run]
            # Where not every layer is marked, curves take turns, so that markers do not hide each other.
            marked = [at for at, layer in enumerate(run) if (layer - number * every // n_curves) % every == 0]
            draw_line(axes, xs, ys, lw=1.1, zorder=3, markevery=marked if len(run) > 1 else [0], **look)


def _panels(table: TraceTable, by: Literal["kind", "position"]) -> list[_Panel]:
    """Panels with their curves."""

    def curve(kind: str, index: int, name: str) -> _Curve:
        return _Curve(name, *(rates[kind][:, index] for rates in (table.values, table.low, table.high)))

    named = list(enumerate(table.names))
    if by == "kind":
        return [_Panel(KINDS[kind], [curve(kind, index, name) for index, name in named]) for kind in table.kinds]
    return [_Panel(name, [curve(kind, index, KINDS[kind]) for kind in table.kinds]) for index, name in named]


def _n_columns(n_panels: int) -> int:
    """Panels in a row: up to three, or four where that saves a row."""
    if n_panels <= 3:
        return n_panels
    return 4 if math.ceil(n_panels / 4) < math.ceil(n_panels / 3) else 3


def _runs(values: Floats) -> Iterator[list[int]]:
    """Stretches of layers that were measured."""
    run: list[int] = []
    for layer, is_missing in enumerate(np.isnan(values)):
        if not is_missing:
            run.append(layer)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _is_bounded(low: Floats, high: Floats) -> Bools:
    return np.isfinite(low) & np.isfinite(high)


def _look(number: int) -> dict[str, object]:
    """Color, marker and dashes of a curve: no two of the first 64 share color and marker."""
    color, around = COLORS[number % len(COLORS)], number // len(COLORS)
    marker = MARKERS[(number + around) % len(MARKERS)]
    return {
        "color": color,
        "marker": marker,
        "ls": _DASHES[(number + around) % len(_DASHES)],
        "ms": 4.6 if marker in "PX" else 3.6,  # crosses fill less of their square
        "mec": "#ffffff",
        "mew": 0.35,
    }


def _legend_rows(names: list[str], width: float) -> list[list[tuple[int, str]]]:
    """Number and name of each curve, broken into rows no wider than `width` inches; names are cut to one line."""
    rows: list[list[tuple[int, str]]] = []
    room = 0.0
    for number, name in enumerate(names):
        first, *rest = wrapped(name, width - _KEY - 0.2)
        shown = f"{first} ..." if rest else first
        needed = _KEY + text_width(shown) + 0.2
        if not rows or needed > room:
            rows.append([])
            room = width
        rows[-1].append((number, shown))
        room -= needed
    return rows


def _draw_legend(axes: Axes, rows: list[list[tuple[int, str]]], base: float) -> None:
    for above, row in enumerate(reversed(rows)):
        x, y = MARGIN, base + 1.15 * LINE * above
        for number, name in row:
            draw_line(axes, [x, x + _KEY - 0.08], [y + 0.035] * 2, lw=1.1, **{**_look(number), "marker": "None"})
            draw_line(axes, [x + (_KEY - 0.08) / 2], [y + 0.035], **_look(number))
            draw_text(axes, x + _KEY - 0.02, y, name, size=NORMAL)
            x += _KEY + text_width(name) + 0.2


def _caption(table: TraceTable) -> Iterator[str]:
    is_unbounded = any(np.isinf(ends).any() for ends in table.low.values())
    bands = " Bands: 95 % t intervals." + " Without a band: unbounded." * is_unbounded
    yield definition(table) + bands + " Gaps: not measured." * table.is_partial
    yield from table.notes
