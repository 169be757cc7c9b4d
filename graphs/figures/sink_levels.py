"""Sinks by layer: how many heads rest on a token, how far its stream stands out, and which tokens come to be like it.

Panels below each other on one scale of layers, the first on the left. What is said of layer 12 is said of its heads, or
of the stream that enters it; the last state leaves the model. Sizes are in inches: the same chart gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, layer_step, text_width, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
_PLOT, _HEIGHT, _LEGEND, _LEFT = 4.2, 1.15, 1.75, 0.42  # inches: a panel, its legend, the numbers beside it
_ROW, _BAR = 0.17, 0.105
_GRID, _TICK = "#e3e3e3", 0.035
_OUT = "out"


class LayerPoint(NamedTuple):
    """A mean at a layer, or at the state that enters it, with its interval; None where it is unbounded."""

    layer: int
    value: float
    interval: Span | None


class LayerSeries(NamedTuple):
    """One line of a panel."""

    name: str
    points: tuple[LayerPoint, ...]


@dataclass(frozen=True)
class LayerPanel:
    """Lines over layers.

    is_share  values from 0 to 1; others are ratios to 1, on a logarithmic scale
    """

    title: str
    series: tuple[LayerSeries, ...]
    is_share: bool


class SinkLevel(NamedTuple):
    """Tokens that point where the first one does from the state that enters `start` on.

    states  for how many states
    number  how many tokens of a prompt
    """

    start: int
    states: float
    number: float


@dataclass(frozen=True)
class LevelPanel:
    """The life of the first token and of those that come to be like it.

    first   of each state, in which share of the prompts the first token is a sink there
    levels  the first to start on top
    """

    title: str
    first: tuple[float, ...]
    levels: tuple[SinkLevel, ...]


@dataclass(frozen=True)
class SinkChart:
    """What the chart shows; `notes` are said below it."""

    panels: tuple[LayerPanel, ...]
    levels: tuple[LevelPanel, ...]
    n_layers: int
    title: str
    subtitle: str
    notes: tuple[str, ...] = ()


def sink_chart_bytes(chart: SinkChart, kind: DrawingFormat) -> bytes:
    """The chart as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_sinks, chart), kind, dpi=DPI)


def draw_sinks(chart: SinkChart) -> Figure:
    """Panels of lines, then those of levels, each with its title; layers are numbered below the last."""
    width = whole(MARGIN + _LEFT + _PLOT + _LEGEND + MARGIN)
    page = Page.of(width, title=chart.title, subtitle=chart.subtitle, below=[*_captions(chart), *chart.notes])
    sizes = [_HEIGHT] * len(chart.panels) + [_ROW * (1 + len(panel.levels)) + 0.04 for panel in chart.levels]
    above = LINE + 0.1
    height = whole(page.over + sum(sizes) + above * len(sizes) + 2.3 * LINE + page.under)
    figure, axes = page.figure(height)
    top = height - page.over
    for panel, size in zip([*chart.panels, *chart.levels], sizes, strict=True):
        top -= above
        plot = _Plot(MARGIN + _LEFT, top - size, size, chart.n_layers)
        draw_text(axes, plot.left, top + 0.05, panel.title, size=NORMAL)
        plot.draw_layers(axes)
        plot.draw_lines(axes, panel) if isinstance(panel, LayerPanel) else plot.draw_levels(axes, panel)
        top -= size
    _Plot(MARGIN + _LEFT, top, 0.0, chart.n_layers).number_layers(axes)
    return figure


class _Plot(NamedTuple):
    """A panel on the page, in inches."""

    left: float
    bottom: float
    height: float
    n_layers: int

    @property
    def pitch(self) -> float:
        return _PLOT / (self.n_layers + 1)

    @property
    def labeled(self) -> list[tuple[int, str]]:
        """Layers with their numbers, and the state that leaves the last."""
        step = layer_step(self.n_layers, self.pitch)
        room = text_width(_OUT) / self.pitch
        numbers = [(layer, str(layer)) for layer in range(0, self.n_layers, step) if self.n_layers - layer > room]
        return [*numbers, (self.n_layers, _OUT)]

    def across(self, layer: float) -> float:
        return self.left + self.pitch * (layer + 0.5)

    def draw_layers(self, axes: Axes) -> None:
        """Upright lines at the labeled layers."""
        for layer, _ in self.labeled:
            x = self.across(layer)
            draw_line(axes, [x, x], [self.bottom, self.bottom + self.height], color=_GRID, lw=0.5, zorder=0)
        draw_line(axes, [self.left, self.left + _PLOT], [self.bottom] * 2, color=INK, lw=0.6, zorder=1)

    def number_layers(self, axes: Axes) -> None:
        for layer, text in self.labeled:
            x = self.across(layer)
            draw_line(axes, [x, x], [self.bottom, self.bottom - _TICK], color=INK, lw=0.6)
            draw_text(axes, x, self.bottom - _TICK - 0.03, text, size=SMALL, ha="center", va="top")
        middle = self.left + _PLOT / 2
        draw_text(axes, middle, self.bottom - _TICK - 0.03 - LINE, "layer", size=SMALL, ha="center", va="top")

    def draw_lines(self, axes: Axes, panel: LayerPanel) -> None:
        """The lines with their intervals, and the legend on the right."""
        low, high, ticks = _scale(panel)

        def level(value: float) -> float:
            shown = min(max(value, low), high) if panel.is_share else math.log10(max(value, 10**low))
            return self.bottom + self.height * (shown - low) / (high - low)

        for value, text in ticks:
            draw_line(axes, [self.left, self.left + _PLOT], [level(value)] * 2, color=_GRID, lw=0.5, zorder=0)
            draw_text(axes, self.left - 0.05, level(value), text, size=SMALL, ha="right", va="center")
        if not panel.is_share:
            look = {"color": FAINT, "lw": 0.7, "ls": (0, (3, 2)), "zorder": 1}
            draw_line(axes, [self.left, self.left + _PLOT], [level(1.0)] * 2, **look)
        for number, (series, color) in enumerate(zip(panel.series, COLORS, strict=False)):
            xs = [self.across(point.layer) for point in series.points]
            ys = [level(point.value) for point in series.points]
            over = 3 - 0.1 * number  # the first is what is asked for, the others stand behind it
            for x, point in zip(xs, series.points, strict=True):
                if point.interval is not None:
                    draw_line(axes, [x, x], list(map(level, point.interval)), color=color, lw=0.8, zorder=over)
            look = {"color": color, "lw": 1.1, "marker": "o", "ms": 2.8, "mec": PAPER, "mew": 0.3, "zorder": over}
            draw_line(axes, xs, ys, **look)
            y = self.bottom + self.height - 0.06 - 0.95 * LINE * number
            draw_line(axes, [self.left + _PLOT + 0.1, self.left + _PLOT + 0.28], [y, y], color=color, lw=1.1)
            draw_text(axes, self.left + _PLOT + 0.34, y, series.name, size=SMALL, va="center")

    def draw_levels(self, axes: Axes, panel: LevelPanel) -> None:
        """A row of cells for the first token, shaded by share of prompts, and a bar for each level."""
        from matplotlib.patches import Rectangle

        top = self.bottom + self.height - 0.02
        for state, share in enumerate(panel.first):
            corner = (self.across(state) - self.pitch / 2, top - _ROW / 2 - _BAR / 2)
            axes.add_patch(Rectangle(corner, self.pitch, _BAR, fc=INK, alpha=share, lw=0, zorder=2))
        beside = self.left + _PLOT + 0.1
        draw_text(axes, beside, top - _ROW / 2, "the first token", size=SMALL, va="center")
        for number, level in enumerate(panel.levels, start=1):
            y = top - _ROW * (number + 0.5)
            corner = (self.across(level.start) - self.pitch / 2, y - _BAR / 2)
            wide = self.pitch * level.states
            axes.add_patch(Rectangle(corner, wide, _BAR, fc=COLORS[0], lw=0, zorder=2))
            said = f"{level.number:.2g} a prompt, {level.states:.2g} state{'' if level.states == 1 else 's'}"
            draw_text(axes, beside, y, said, size=SMALL, va="center")


def _scale(panel: LayerPanel) -> tuple[float, float, list[tuple[float, str]]]:
    """Where the axis ends (of ratios, as powers of ten), and its numbers."""
    if panel.is_share:
        return -0.04, 1.04, [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    values = [max(point.value, 1e-3) for series in panel.series for point in series.points]
    low, high = math.log10(min([1.0, *values])), math.log10(max([1.0, *values]))
    # Three numbers at least can be read: 0.5, 1, 2 around ratios that are all near 1.
    low, high = min(low - 0.08, -0.35), max(high + 0.08, 0.35)
    marks = (1, 2, 5) if high - low < 1.6 else (1,)
    powers = range(math.floor(low), math.ceil(high) + 1)
    known = [mark * 10.0**power for power in powers for mark in marks]
    return low, high, [(value, f"{value:g}") for value in known if low <= math.log10(value) <= high]


def _captions(chart: SinkChart) -> Iterator[str]:
    """What the marks mean."""
    said = ["At a layer: its heads, or the stream that enters it."]
    if any(point.interval for panel in chart.panels for series in panel.series for point in series.points):
        said.append("Lines: means with 95 % t intervals over prompts.")
    if any(not panel.is_share for panel in chart.panels):
        said.append("Broken: no longer than others.")
    yield " ".join(said)
    if chart.levels:
        yield (
            "Black: states in which the first token is a sink, the darker in the more prompts. Blue: tokens that point "
            "where it does, from the state in which they start, as long as they last on average."
        )


def largest(series: Sequence[LayerSeries]) -> tuple[LayerSeries, ...]:
    """The first series, and of the others those that reach highest above 0: as many as can be told apart, in order."""
    first, *others = series
    peaks = {own: max((point.value for point in own.points), default=0.0) for own in others}
    kept = sorted((own for own in others if peaks[own] > 0), key=lambda own: -peaks[own])[: len(COLORS) - 1]
    return (first, *(own for own in others if own in kept))
