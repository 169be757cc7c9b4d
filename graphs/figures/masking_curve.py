"""What a task loses as heads are masked: accuracy and metric over the number of heads, and the range of other heads.

A line with intervals for the heads of a ranking, and behind it a gray band from the least to the most that as many
other heads of the same layers give; a square for all heads. Sizes are in inches: the same curve gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import INK, LINE, MARGIN, SMALL, DrawingFormat, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, draw_line, text_width, whole
from graphs.figures.palette import BLUE, VERMILION
from graphs.figures.plot import FOOT, Plot, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Read = Callable[["MaskedPoint"], tuple[float, Span | None, Span | None]]  # value, its interval, that of others

_SIZE, _GAP = (2.3, 1.7), 0.35  # inches: a plot, and between the two
_INSET = 0.14
_CURVE, _ALL = BLUE, VERMILION


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
    return figure_bytes(partial(draw_masking, curve), kind, dpi=DPI)


def draw_masking(curve: MaskingCurve) -> Figure:
    """Accuracy on the left, the metric on the right."""
    points = sorted(curve.points)
    spans = [span for point in points for span in (point.metric_interval, point.others_metric) if span is not None]
    metric = [*(point.metric for point in points), *(end for span in spans for end in span)]
    plots = [Plot.of(_SIZE, (0.0, 1.0)), Plot.of(_SIZE, metric)]
    first = whole(MARGIN + plots[0].beside)
    second = whole(first + _SIZE[0] + _GAP + plots[1].beside)
    page = Page.of(
        whole(second + _SIZE[0] + MARGIN),
        title=curve.title,
        subtitle=curve.subtitle,
        below=[curve.caption or _caption(curve)],
    )
    figure, axes = page.figure(whole(page.under + FOOT + _SIZE[1] + LINE + 0.08 + page.over))
    bottom = page.under + FOOT
    title = curve.metric if text_width(curve.metric) <= _SIZE[0] else "metric"
    of_accuracy, of_metric = plots[0].at(first, bottom), plots[1].at(second, bottom)
    of_accuracy.draw_scale(axes, "accuracy", broken=curve.chance)
    of_metric.draw_scale(axes, title)
    _draw(axes, of_accuracy, points, lambda p: (p.accuracy, p.accuracy_interval, p.others_accuracy), curve.count)
    _draw(axes, of_metric, points, lambda p: (p.metric, p.metric_interval, p.others_metric), curve.count)
    return figure


def _draw(axes: Axes, plot: Plot, points: Sequence[MaskedPoint], read: Read, count: str) -> None:
    """The band of other heads, the curve with its intervals, and all heads, to a logarithmic scale that begins at 0."""
    most = math.log1p(points[-1].n_heads) or 1.0

    def across(point: MaskedPoint) -> float:
        return plot.left + _INSET + (plot.width - 2 * _INSET) * math.log1p(point.n_heads) / most

    plot.draw_foot(axes, _marks({point.n_heads: across(point) for point in points}), count)
    curve = [point for point in points if not point.is_all]
    band = [(across(point), own) for point in curve if (own := read(point)[2]) is not None]
    if len(band) > 1:
        plot.draw_band(axes, band)
    for x, (low, high) in band:
        # A range of one value is seen too.
        ends = [plot.level(low) - 0.02, plot.level(high) + 0.02]
        draw_line(axes, [x, x], ends, color=UNMEASURED, lw=7, solid_capstyle="butt", zorder=1.6)
    line = [(across(point), plot.level(read(point)[0])) for point in curve]
    draw_line(axes, [x for x, _ in line], [y for _, y in line], color=_CURVE, lw=1.1, zorder=3)
    for point in points:
        color, marker = (_ALL, "s") if point.is_all else (_CURVE, "o")
        value, ends, _ = read(point)
        plot.draw_interval(axes, across(point), ends, color)
        look = {"marker": marker, "ms": 4.2, "color": color, "mec": INK, "mew": 0.4, "ls": "none", "zorder": 4}
        draw_line(axes, [across(point)], [plot.level(value)], **look)


def _marks(places: Mapping[int, float]) -> Iterator[tuple[float, str]]:
    """A mark at every number of heads; their numbers where these do not overlap, from the left."""
    last = -math.inf
    for n_heads, x in sorted(places.items()):
        fits = x - last > text_width(str(n_heads), size=SMALL) + 0.05
        yield x, str(n_heads) if fits else ""
        last = x if fits else last


def _caption(curve: MaskingCurve) -> str:
    """What the marks mean."""
    parts = ["Dots: the heads of the ranking, masked together, with 95 % intervals over prompts (Wilson's; t). "]
    if any(point.others_accuracy is not None for point in curve.points):
        parts.append("Gray: as many other heads of the same layers, least to most. ")
    if any(point.is_all for point in curve.points):
        parts.append("Vermilion square: all heads. ")
    return "".join([*parts, f"Broken line: chance ({curve.chance:.2f})."])
