"""Faithfulness over the size of circuits, a panel for each kind of size, and where it falls as circuits grow.

Sizes are to a logarithmic scale that begins at 0. Bands are the interval at each size; a fall is marked only where the
difference of two sizes on the same prompts is beyond its own uncertainty (`circuits.evaluation.monotone`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import (
    DPI,
    Page,
    draw_line,
    draw_upright,
    signed,
    text_width,
    tick_labels,
    whole,
    wrapped,
)
from graphs.figures.palette import GRAY, GRID, PALE_GRAY
from graphs.figures.plot import round_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's: told apart with any color vision.
COLORS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00")
_DASHES = ("-", (0, (4, 1.4)), (0, (1, 1.1)), (0, (5, 1.2, 1, 1.2)))  # two curves may be the same
FALL = "#D55E00"

_ROOM = Room(5.4, 60.0)  # inches
_HEIGHT, _LEAST_HEIGHT = 2.0, 0.9  # of a panel
_INSET = 0.12  # from a panel's frame to the outer sizes
_KEY = 0.3  # a legend entry's line
_MOST_TICKS = 6


Legend = list[tuple[str, str, list[str]]]  # color, marker, lines of the name


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


class RandomPoint(NamedTuple):
    """What random circuits of a size keep: their mean, the least and the most."""

    size: int
    mean: float
    least: float
    most: float


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
    random   random circuits, by size; none where none were run
    n_random of how many at each size
    """

    title: str
    of: str
    series: tuple[SizeSeries, ...]
    circuit: SizePoint | None = None
    random: tuple[RandomPoint, ...] = ()
    n_random: int = 0

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
    return figure_bytes(partial(draw_sizes, curves), kind, dpi=DPI)


def draw_sizes(curves: SizeCurves, room: Room = _ROOM) -> Figure:
    """The panels below each other, each with its legend: lower ones, and the last ones only, where the room is low."""
    panels = curves.panels
    while len(panels) > 1 and _least_height(curves, panels, room) > room.height:
        panels = panels[1:]
    page, legends, around = _page(curves, panels, room)
    free = (room.height - page.under - sum(around) - page.over) / len(panels)
    tall = whole(min(_HEIGHT, max(_LEAST_HEIGHT, free)))
    heights = [tall + other for other in around]
    figure, axes = page.figure(whole(page.under + sum(heights) + page.over))
    top = page.under + sum(heights)
    for panel, legend, height in zip(panels, legends, heights, strict=True):
        foot = top - height
        for line in wrapped(panel.title, room.width - 2 * MARGIN):
            draw_text(axes, MARGIN, top - LINE, line, size=NORMAL)
            top -= LINE
        plot = _Plot.of(panel, curves.bound, (room.width - MARGIN, tall))
        plot._replace(bottom=whole(top - 0.06 - tall)).draw(axes, legend)
        top = foot
    return figure


def _page(curves: SizeCurves, panels: Sequence[SizePanel], room: Room) -> tuple[Page, list[Legend], list[float]]:
    """The page with some of the panels, their legends, and what each takes beside its plot."""
    missing = [f"No room for: {panel.title}." for panel in curves.panels if panel not in panels]
    below = [*_caption(curves, panels), *missing]
    page = Page.of(room.width, title=curves.title, subtitle=curves.subtitle, below=below)
    legends = [_wrapped(_legend(panel), room.width - 2 * MARGIN - _KEY) for panel in panels]
    titles = [LINE * (len(wrapped(panel.title, room.width - 2 * MARGIN)) - 1) for panel in panels]
    around = [
        2.6 * LINE + sum(LINE * len(lines) + 0.025 for _, _, lines in legend) + 0.24 + title
        for title, legend in zip(titles, legends, strict=True)
    ]
    return page, legends, around


def _least_height(curves: SizeCurves, panels: Sequence[SizePanel], room: Room) -> float:
    page, _, around = _page(curves, panels, room)
    return page.over + sum(around) + _LEAST_HEIGHT * len(panels) + page.under


def _wrapped(entries: Iterator[tuple[str, str, str]], width: float) -> Legend:
    return [(color, marker, wrapped(name, width)) for color, marker, name in entries]


class _Plot(NamedTuple):
    """A panel on the page, in inches, with the range of its levels."""

    panel: SizePanel
    bound: float
    left: float
    bottom: float
    right: float
    height: float
    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, panel: SizePanel, bound: float, ends_at: tuple[float, float]) -> _Plot:
        """Axes that hold all values and bounded intervals, 0 and 1.

        ends_at  the right end on the page, and the height
        """
        points = [point for one in panel.series for point in one.points]
        points += [] if panel.circuit is None else [panel.circuit]
        ends = [end for point in points for end in (point.value, *(point.interval or ()))]
        ends += [end for point in panel.random for end in (point.least, point.most)]
        low, high = min([0.0, *ends]), max([1.0, *ends])
        room, ticks = 0.05 * (high - low), round_ticks(low, high, _MOST_TICKS)
        left = whole(MARGIN + LINE + max(map(text_width, tick_labels(ticks))) + 0.08)
        return cls(panel, bound, left, 0.0, *ends_at, low - room, high + room, ticks)

    @property
    def sizes(self) -> list[int]:
        """All sizes, each once, the smallest first."""
        every = {point.size for one in self.panel.series for point in one.points}
        every |= {point.size for point in self.panel.random}
        return sorted(every | (set() if self.panel.circuit is None else {self.panel.circuit.size}))

    def across(self, size: float) -> float:
        """x of a size."""
        first, last = math.log1p(self.sizes[0]), math.log1p(self.sizes[-1])
        share = (math.log1p(size) - first) / (last - first) if last > first else 0.5
        return self.left + _INSET + (self.right - self.left - 2 * _INSET) * share

    def level(self, value: float) -> float:
        """y of a faithfulness."""
        return self.bottom + self.height * (value - self.low) / (self.high - self.low)

    def draw(self, axes: Axes, legend: Legend) -> None:
        """Scales, curves with their bands, falls, the circuit, and the legend."""
        self._draw_scales(axes)
        self._draw_random(axes)
        for color, dashes, one in zip(COLORS, _DASHES, self.panel.series, strict=False):
            self._draw_series(axes, one, color, dashes)
        if (circuit := self.panel.circuit) is not None:
            x = self.across(circuit.size)
            draw_line(
                axes, [x, x], [self.bottom, self.bottom + self.height], color=FAINT, lw=0.7, ls=(0, (1, 2)), zorder=1
            )
            if circuit.interval is not None:
                draw_line(axes, [x, x], [self.level(end) for end in circuit.interval], color=INK, lw=1.0, zorder=5)
            draw_line(axes, [x], [self.level(circuit.value)], zorder=6, **_look(INK, "D"))
        y = self.bottom - 0.1 - 2.6 * LINE
        for color, marker, lines in legend:
            self._draw_key(axes, y + 0.035, color, marker)
            for line in lines:
                draw_text(axes, MARGIN + _KEY, y, line, size=NORMAL)
                y -= LINE
            y -= 0.025

    def _draw_key(self, axes: Axes, y: float, color: str, marker: str) -> None:
        ends, dashes = [MARGIN, MARGIN + _KEY - 0.08], _DASHES[COLORS.index(color)] if color in COLORS else "none"
        if not marker:
            draw_line(axes, ends, [y, y], color=PALE_GRAY, lw=5, solid_capstyle="butt")
            dashes = "-"
        draw_line(axes, ends, [y, y], color=color, lw=1.1, ls=dashes)
        draw_line(axes, [sum(ends) / 2], [y], **_look(color, marker))

    def _draw_scales(self, axes: Axes) -> None:
        top = self.bottom + self.height
        for tick, label in zip(self.ticks, tick_labels(self.ticks), strict=True):
            y, is_end = self.level(tick), round(tick, 9) in (0, 1)
            look = {"color": "#8a8a8a", "lw": 0.8} if is_end else {"color": GRID, "lw": 0.6}
            draw_line(axes, [self.left, self.right], [y, y], zorder=int(is_end), **look)
            draw_text(axes, self.left - 0.06, y, label, size=NORMAL, ha="right", va="center")
        y = self.level(self.bound)
        draw_line(axes, [self.left, self.right], [y, y], color=FAINT, lw=0.9, ls=(0, (4, 2)), zorder=1)
        draw_text(axes, self.left + 0.04, y - 0.1, f"{self.bound:g} is asked for", size=SMALL, color=FAINT)
        draw_line(axes, [self.left, self.left], [self.bottom, top], color=FAINT, lw=0.6, zorder=0)
        draw_line(axes, [self.left, self.right], [self.bottom] * 2, color=INK, lw=0.6, zorder=0)
        for size in _size_ticks(self.sizes):
            x = self.across(size)
            draw_line(axes, [x, x], [self.bottom, self.bottom - 0.03], color=INK, lw=0.6)
            draw_text(axes, x, self.bottom - 0.06, f"{size:,}", size=NORMAL, ha="center", va="top")
        middle = (self.left + self.right) / 2
        draw_text(axes, middle, self.bottom - 0.06 - LINE, self.panel.of, size=NORMAL, ha="center", va="top")
        draw_upright(axes, MARGIN + LINE / 2, self.bottom + self.height / 2, "faithfulness")

    def _draw_random(self, axes: Axes) -> None:
        """A gray band from the least to the most, and the mean in it."""
        from matplotlib.patches import Polygon

        band = [(self.across(point.size), point) for point in self.panel.random]
        lower = [(x, self.level(point.least)) for x, point in band]
        upper = [(x, self.level(point.most)) for x, point in reversed(band)]
        if band:
            axes.add_patch(Polygon([*lower, *upper], fc=PALE_GRAY, ec=PALE_GRAY, lw=1.0, zorder=1.5))
            xs, ys = [x for x, _ in band], [self.level(point.mean) for _, point in band]
            draw_line(axes, xs, ys, color=GRAY, lw=0.9, zorder=1.6)

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
    """Color, marker and name of what a panel shows; a band has no marker."""
    for color, one in zip(COLORS, panel.series, strict=False):
        yield color, "o", one.name
    if any(one.falls for one in panel.series):
        yield FALL, "v", "less faithful than a smaller circuit, beyond the uncertainty of the difference"
    if panel.circuit is not None:
        yield INK, "D", f"the circuit of the run, {panel.circuit.size:,} {panel.of}, on the prompts that judge it"
    if panel.random:
        yield GRAY, "", f"{panel.n_random} random circuits of each size, all on paths: mean, least to most"


def _size_ticks(sizes: Sequence[int]) -> list[int]:
    """0 and powers of ten within the sizes, and the ends where no power of ten is near."""
    first, last = sizes[0], sizes[-1]
    powers = [10**n for n in range(len(str(last)))]
    inner = [size for size in [0, *powers] if first <= size <= last]
    ends = [end for end in (first, last) if all(not 0.4 < (end + 1) / (size + 1) < 2.5 for size in inner)]
    return sorted({*inner, *ends})


def _caption(curves: SizeCurves, panels: Sequence[SizePanel]) -> Iterator[str]:
    yield "Bands and the bar: 95 % t intervals over prompts. Sizes on a logarithmic scale."
    for panel in panels:
        for one in panel.series:
            if one.falls:
                deepest = min(one.falls, key=lambda fall: fall.change)
                yield (
                    f"NOT MONOTONE ({panel.title}; {one.name}): faithfulness falls by {-deepest.change:.2f} from "
                    f"{deepest.smaller:,} to {deepest.larger:,} {panel.of}."
                )
