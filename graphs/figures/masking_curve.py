"""What a task loses as heads are masked: accuracy and metric over the number of heads, and the range of other heads.

A line with intervals for the heads of a ranking, and behind it a gray band from the least to the most that as many
other heads of the same layers give; a square for all heads. Sizes are in inches: the same curve gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, draw_line, round_step, text_width, tick_labels, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]

_PLOT, _HEIGHT, _GAP = 2.3, 1.7, 0.35  # inches: a plot, and between the two
_INSET, _CAP, _TICK = 0.14, 0.035, 0.04
_COLOR, _ALL = "#0072B2", "#D55E00"  # Okabe and Ito's
_MOST_TICKS = 5


class MaskedPoint(NamedTuple):
    """So many heads masked together; 0 is the plain model.

    is_all    whether these are all heads, beside the curve
    accuracy, metric  with their intervals, None where unbounded
    others_accuracy, others_metric  least and most that other heads give; None without any
    """

    n_heads: int
    is_all: bool
    accuracy: float
    accuracy_interval: Span | None
    metric: float
    metric_interval: Span | None
    others_accuracy: Span | None
    others_metric: Span | None


@dataclass(frozen=True)
class MaskingCurve:
    """The points by number of heads, the text above them, the accuracy of chance, and what the metric is called.

    count    what is counted, below the plots
    caption  what the marks mean; by default of masked heads
    """

    points: tuple[MaskedPoint, ...]
    title: str
    subtitle: str
    chance: float
    metric: str
    count: str = "heads masked"
    caption: str | None = None


def masking_figure_bytes(curve: MaskingCurve, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(lambda: draw_masking(curve), kind, dpi=DPI)


def draw_masking(curve: MaskingCurve) -> Figure:
    """Accuracy on the left, the metric on the right."""
    points = sorted(curve.points)
    accuracy = _Plot.of([p.accuracy for p in points], [(0.0, 1.0)])
    metric = _Plot.of(
        [p.metric for p in points], [s for p in points for s in (p.metric_interval, p.others_metric) if s is not None]
    )
    widths = [max(map(text_width, tick_labels(plot.ticks))) + 0.1 for plot in (accuracy, metric)]
    first = whole(MARGIN + widths[0])
    second = whole(first + _PLOT + _GAP + widths[1])
    page = Page.of(
        whole(second + _PLOT + MARGIN),
        title=curve.title,
        subtitle=curve.subtitle,
        below=[curve.caption or _caption(curve)],
    )
    height = whole(page.under + 2.4 * LINE + _HEIGHT + LINE + 0.08 + page.over)
    figure, axes = page.figure(height)
    bottom = page.under + 2.4 * LINE
    placed = [accuracy._replace(left=first, bottom=bottom), metric._replace(left=second, bottom=bottom)]
    title = curve.metric if text_width(curve.metric) <= _PLOT else "metric"
    for plot, name, line in zip(placed, ("accuracy", title), (curve.chance, None), strict=True):
        plot.draw_scales(axes, points, name, line, curve.count)
    placed[0].draw_points(axes, points, lambda p: (p.accuracy, p.accuracy_interval, p.others_accuracy))
    placed[1].draw_points(axes, points, lambda p: (p.metric, p.metric_interval, p.others_metric))
    return figure


class _Plot(NamedTuple):
    """A plot on the page, in inches, with the range of its values."""

    low: float
    high: float
    ticks: list[float]
    left: float = 0.0
    bottom: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float], spans: Sequence[Span]) -> _Plot:
        ends = [*values, *(end for span in spans for end in span)]
        low, high = min(ends), max(ends)
        span = high - low or 1.0
        step = round_step(span / _MOST_TICKS)
        ticks = [step * n for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        return cls(low - 0.05 * span, high + 0.05 * span, ticks)

    def level(self, value: float) -> float:
        return self.bottom + _HEIGHT * (value - self.low) / (self.high - self.low)

    def across(self, n_heads: int, points: Sequence[MaskedPoint]) -> float:
        """x of a number of heads, to a logarithmic scale that begins at 0."""
        most = math.log1p(points[-1].n_heads) or 1.0
        return self.left + _INSET + (_PLOT - 2 * _INSET) * math.log1p(n_heads) / most

    def draw_scales(self, axes: Axes, points: Sequence[MaskedPoint], name: str, line: float | None, count: str) -> None:
        """Axes with their numbers, and a broken line at chance."""
        right = self.left + _PLOT
        for tick, label in zip(self.ticks, tick_labels(self.ticks), strict=True):
            y = self.level(tick)
            draw_line(axes, [self.left, right], [y, y], color="#e3e3e3", lw=0.6, zorder=0)
            draw_text(axes, self.left - 0.06, y, label, size=SMALL, ha="right", va="center")
        if line is not None:
            y = self.level(line)
            draw_line(axes, [self.left, right], [y, y], color=FAINT, lw=0.7, ls=(0, (3, 2)), zorder=1)
        draw_line(axes, [self.left, right], [self.bottom] * 2, color=INK, lw=0.6, zorder=1)
        last = -math.inf
        for n_heads in sorted({point.n_heads for point in points}):
            x = self.across(n_heads, points)
            draw_line(axes, [x, x], [self.bottom, self.bottom - _TICK], color=INK, lw=0.6)
            if x - last > text_width(str(n_heads), size=SMALL) + 0.05:
                draw_text(axes, x, self.bottom - _TICK - 0.03, str(n_heads), size=SMALL, ha="center", va="top")
                last = x
        middle = self.left + _PLOT / 2
        draw_text(axes, middle, self.bottom - _TICK - 0.03 - LINE, count, size=SMALL, ha="center", va="top")
        draw_text(axes, self.left, self.bottom + _HEIGHT + 0.07, name, size=NORMAL)

    def draw_points(
        self,
        axes: Axes,
        points: Sequence[MaskedPoint],
        read: Callable[[MaskedPoint], tuple[float, Span | None, Span | None]],
    ) -> None:
        """The band of other heads, the curve with its intervals, and all heads."""
        from matplotlib.patches import Polygon

        curve = [point for point in points if not point.is_all]
        band = [(self.across(p.n_heads, points), own) for p in curve if (own := read(p)[2]) is not None]
        edges = [(x, self.level(low)) for x, (low, _) in band] + [(x, self.level(high)) for x, (_, high) in band[::-1]]
        if len(band) > 1:
            axes.add_patch(Polygon(edges, closed=True, fc=UNMEASURED, ec="none", zorder=1.5))
        for x, (low, high) in band:
            # A range of one value is seen too.
            draw_line(
                axes, [x, x], [self.level(low) - 0.02, self.level(high) + 0.02], color=UNMEASURED, lw=7, zorder=1.6
            )
        line = [(self.across(p.n_heads, points), self.level(read(p)[0])) for p in curve]
        draw_line(axes, [x for x, _ in line], [y for _, y in line], color=_COLOR, lw=1.1, zorder=3)
        for point in points:
            x, (value, ends, _) = self.across(point.n_heads, points), read(point)
            color, marker = (_ALL, "s") if point.is_all else (_COLOR, "o")
            if ends is not None:
                draw_line(axes, [x, x], [self.level(end) for end in ends], color=color, lw=0.9, zorder=3)
            draw_line(
                axes,
                [x],
                [self.level(value)],
                marker=marker,
                ms=4.2,
                color=color,
                mec=INK,
                mew=0.4,
                ls="none",
                zorder=4,
            )


def _caption(curve: MaskingCurve) -> str:
    """What the marks mean."""
    parts = ["Dots: the heads of the ranking, masked together, with 95 % intervals over prompts (Wilson's; t). "]
    if any(point.others_accuracy is not None for point in curve.points):
        parts.append("Gray: as many other heads of the same layers, least to most. ")
    if any(point.is_all for point in curve.points):
        parts.append("Vermilion square: all heads. ")
    return "".join([*parts, f"Broken line: chance ({curve.chance:.2f})."])
