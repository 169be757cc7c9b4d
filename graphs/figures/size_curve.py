"""Faithfulness over the size of circuits, a panel for each kind of size, and where it falls as circuits grow.

Sizes are to a logarithmic scale that begins at 0. Bands are the interval at each size; a fall is marked only where the
difference of two sizes on the same prompts is beyond its own uncertainty (`circuits.evaluation.monotone`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    DPI,
    Page,
    draw_line,
    draw_upright,
    round_step,
    signed,
    text_width,
    tick_labels,
    whole,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's: told apart with any color vision.
COLORS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00")
_DASHES = ("-", (0, (4, 1.4)), (0, (1, 1.1)), (0, (5, 1.2, 1, 1.2)))  # two curves may be the same
FALL = "#D55E00"

_WIDTH, _HEIGHT = 5.4, 2.0  # inches: the page, and a panel
_INSET = 0.12  # from a panel's frame to the outer sizes
_KEY = 0.3  # a legend entry's line
_GRID = "#e3e3e3"
_MOST_TICKS = 6


class SizeFall(NamedTuple):
    """A larger circuit that is less faithful than a smaller one, by `change`, below 0."""

    smaller: int
    larger: int
    change: float


class SizePoint(NamedTuple):
    """Faithfulness at a size; `interval` is None where it is unbounded."""

    size: int
    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class SizeSeries:
    """Circuits of one ranking, by size, the smallest first."""

    name: str
    points: tuple[SizePoint, ...]
    falls: tuple[SizeFall, ...] = ()


@dataclass(frozen=True)
class SizePanel:
    """Curves over one kind of size.

    of       what sizes count: edges or components
    circuit  the circuit of the run where it has a place here, on the prompts that judge it; None elsewhere
    """

    title: str
    of: str
    series: tuple[SizeSeries, ...]
    circuit: SizePoint | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.series) <= len(COLORS):
            raise ValueError(
                f"{len(self.series)} curves in panel {self.title!r}: 1 to {len(COLORS)} can be told apart."
            )


@dataclass(frozen=True)
class SizeCurves:
    """The figure: its text, its panels, and the least faithfulness that was asked for."""

    title: str
    subtitle: str
    panels: tuple[SizePanel, ...]
    bound: float


def size_figure_bytes(curves: SizeCurves, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(lambda: draw_sizes(curves), kind, dpi=DPI)


def draw_sizes(curves: SizeCurves) -> Figure:
    """The panels below each other, each with its legend."""
    page = Page.of(_WIDTH, title=curves.title, subtitle=curves.subtitle, below=_caption(curves))
    plots = [_Plot.of(panel, curves.bound) for panel in curves.panels]
    heights = [_HEIGHT + 2.6 * LINE + 1.15 * LINE * len(list(_legend(plot.panel))) + 0.24 for plot in plots]
    figure, axes = page.figure(whole(page.under + sum(heights) + page.over))
    top = page.under + sum(heights)
    for plot, height in zip(plots, heights, strict=True):
        placed = plot._replace(bottom=whole(top - LINE - 0.06 - _HEIGHT))
        placed.draw(axes)
        top -= height
    return figure


class _Plot(NamedTuple):
    """A panel on the page, in inches, with the range of its levels."""

    panel: SizePanel
    bound: float
    left: float
    bottom: float
    low: float
    high: float
    ticks: list[float]

    @classmethod
    def of(cls, panel: SizePanel, bound: float) -> _Plot:
        """Axes that hold all values and bounded intervals, 0 and 1."""
        points = [point for one in panel.series for point in one.points]
        points += [] if panel.circuit is None else [panel.circuit]
        ends = [end for point in points for end in (point.value, *(point.interval or ()))]
        low, high = min([0.0, *ends]), max([1.0, *ends])
        room, step = 0.05 * (high - low), round_step((high - low) / _MOST_TICKS)
        ticks = [step * n for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        left = whole(MARGIN + LINE + max(map(text_width, tick_labels(ticks))) + 0.08)
        return cls(panel, bound, left, 0.0, low - room, high + room, ticks)

    @property
    def right(self) -> float:
        return _WIDTH - MARGIN

    @property
    def sizes(self) -> list[int]:
        """All sizes, each once, the smallest first."""
        every = {point.size for one in self.panel.series for point in one.points}
        return sorted(every | (set() if self.panel.circuit is None else {self.panel.circuit.size}))

    def across(self, size: float) -> float:
        """x of a size."""
        first, last = math.log1p(self.sizes[0]), math.log1p(self.sizes[-1])
        share = (math.log1p(size) - first) / (last - first) if last > first else 0.5
        return self.left + _INSET + (self.right - self.left - 2 * _INSET) * share

    def level(self, value: float) -> float:
        """y of a faithfulness."""
        return self.bottom + _HEIGHT * (value - self.low) / (self.high - self.low)

    def draw(self, axes: Axes) -> None:
        """Scales, curves with their bands, falls, the circuit, and the legend."""
        self._draw_scales(axes)
        for color, dashes, one in zip(COLORS, _DASHES, self.panel.series, strict=False):
            self._draw_series(axes, one, color, dashes)
        if (circuit := self.panel.circuit) is not None:
            x = self.across(circuit.size)
            if circuit.interval is not None:
                draw_line(axes, [x, x], [self.level(end) for end in circuit.interval], color=INK, lw=1.0, zorder=5)
            draw_line(axes, [x], [self.level(circuit.value)], zorder=6, **_look(INK, "D"))
        base = self.bottom - 0.1 - 2.6 * LINE
        for number, (color, marker, name) in enumerate(_legend(self.panel)):
            y, line = base - 1.15 * LINE * number, _DASHES[COLORS.index(color)] if color in COLORS else "none"
            draw_line(axes, [self.left, self.left + _KEY - 0.08], [y + 0.035] * 2, color=color, lw=1.1, ls=line)
            draw_line(axes, [self.left + (_KEY - 0.08) / 2], [y + 0.035], **_look(color, marker))
            draw_text(axes, self.left + _KEY - 0.02, y, name, size=NORMAL)

    def _draw_scales(self, axes: Axes) -> None:
        top = self.bottom + _HEIGHT
        for tick, label in zip(self.ticks, tick_labels(self.ticks), strict=True):
            y, is_end = self.level(tick), round(tick, 9) in (0, 1)
            look = {"color": "#8a8a8a", "lw": 0.8} if is_end else {"color": _GRID, "lw": 0.6}
            draw_line(axes, [self.left, self.right], [y, y], zorder=int(is_end), **look)
            draw_text(axes, self.left - 0.06, y, label, size=NORMAL, ha="right", va="center")
        y = self.level(self.bound)
        draw_line(axes, [self.left, self.right], [y, y], color=FAINT, lw=0.9, ls=(0, (4, 2)), zorder=1)
        draw_text(axes, self.right - 0.03, y - 0.1, f"{self.bound:g} is asked for", size=SMALL, color=FAINT, ha="right")
        draw_line(axes, [self.left, self.left], [self.bottom, top], color=FAINT, lw=0.6, zorder=0)
        draw_line(axes, [self.left, self.right], [self.bottom] * 2, color=INK, lw=0.6, zorder=0)
        for size in _size_ticks(self.sizes):
            x = self.across(size)
            draw_line(axes, [x, x], [self.bottom, self.bottom - 0.03], color=INK, lw=0.6)
            draw_text(axes, x, self.bottom - 0.06, f"{size:,}", size=NORMAL, ha="center", va="top")
        middle = (self.left + self.right) / 2
        draw_text(axes, middle, self.bottom - 0.06 - LINE, self.panel.of, size=NORMAL, ha="center", va="top")
        draw_text(axes, self.left, top + 0.06, self.panel.title, size=NORMAL)
        draw_upright(axes, MARGIN + LINE / 2, self.bottom + _HEIGHT / 2, "faithfulness")

    def _draw_series(self, axes: Axes, series: SizeSeries, color: str, dashes: Any) -> None:
        from matplotlib.patches import Polygon

        bounded = [(self.across(point.size), point.interval) for point in series.points if point.interval is not None]
        if len(bounded) > 1:
            lower = [(x, self.level(interval[0])) for x, interval in bounded]
            upper = [(x, self.level(interval[1])) for x, interval in reversed(bounded)]
            axes.add_patch(Polygon([*lower, *upper], fc=color, alpha=0.13, lw=0, zorder=2))
        xs = [self.across(point.size) for point in series.points]
        ys = [self.level(point.value) for point in series.points]
        draw_line(axes, xs, ys, lw=1.1, ls=dashes, zorder=3, **_look(color, "o"))
        values = {point.size: point.value for point in series.points}
        for fall in series.falls:
            draw_line(axes, [self.across(fall.larger)], [self.level(values[fall.larger])], zorder=5, **_look(FALL, "v"))
        if series.falls:
            self._draw_fall(axes, min(series.falls, key=lambda fall: fall.change), values)

    def _draw_fall(self, axes: Axes, fall: SizeFall, values: dict[int, float]) -> None:
        """How deep it is: from the level of the smaller circuit down to the larger one."""
        x, high, low = self.across(fall.larger), self.level(values[fall.smaller]), self.level(values[fall.larger])
        look = {"color": FALL, "lw": 0.9, "ls": (0, (2, 1.5)), "zorder": 4}
        draw_line(axes, [self.across(fall.smaller), x, x], [high, high, low], **look)
        text = signed(fall.change, 2)
        # The curve comes from the left: there it would run through the text.
        has_room = x + 0.06 + text_width(text, size=SMALL) < self.right
        at, side = (x + 0.06, "left") if has_room else (x - 0.06, "right")
        draw_text(axes, at, (high + low) / 2, text, size=SMALL, color=FALL, ha=side, va="center")


def _look(color: str, marker: str) -> dict[str, object]:
    return {"color": color, "marker": marker, "ms": 5.0 if marker != "o" else 3.6, "mec": PAPER, "mew": 0.35}


def _legend(panel: SizePanel) -> Iterator[tuple[str, str, str]]:
    """Color, marker and name of what a panel shows."""
    for color, one in zip(COLORS, panel.series, strict=False):
        yield color, "o", one.name
    if any(one.falls for one in panel.series):
        yield FALL, "v", "less faithful than a smaller circuit, beyond the uncertainty of the difference"
    if panel.circuit is not None:
        yield INK, "D", "the circuit of the run, on the prompts that judge it"


def _size_ticks(sizes: Sequence[int]) -> list[int]:
    """0 and powers of ten within the sizes, and the ends where no power of ten is near."""
    first, last = sizes[0], sizes[-1]
    powers = [10**n for n in range(len(str(last)))]
    inner = [size for size in [0, *powers] if first <= size <= last]
    ends = [end for end in (first, last) if all(not 0.4 < (end + 1) / (size + 1) < 2.5 for size in inner)]
    return sorted({*inner, *ends})


def _caption(curves: SizeCurves) -> Iterator[str]:
    yield "Bands and the bar: 95 % t intervals over prompts. Sizes on a logarithmic scale."
    for panel in curves.panels:
        for one in panel.series:
            if one.falls:
                deepest = min(one.falls, key=lambda fall: fall.change)
                yield (
                    f"NOT MONOTONE ({panel.title}; {one.name}): faithfulness falls by {-deepest.change:.2f} from "
                    f"{deepest.smaller:,} to {deepest.larger:,} {panel.of}."
                )
