"""What a vector does by its strength: change of the metric and accuracy, over what random vectors do.

A line with intervals for the vector, and behind it a gray band from the least to the most that random vectors of the
same norm give at a strength. Sizes are in inches: the same curve gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    DPI,
    UNMEASURED,
    Page,
    draw_line,
    round_step,
    signed,
    text_width,
    tick_labels,
    whole,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]

_PLOT, _HEIGHT, _GAP = 2.5, 1.8, 0.4  # inches: a plot, and between the two
_INSET, _TICK = 0.14, 0.04
_COLOR, _GRID = "#0072B2", "#e3e3e3"
_MOST_TICKS = 5


class Dose(NamedTuple):
    """A strength, 0 for the plain model.

    change  of the metric, and the accuracy, with their intervals, None where unbounded
    random_change, random_accuracy  least and most that random vectors give; None without any
    """

    strength: float
    change: float
    change_interval: Span | None
    accuracy: float
    accuracy_interval: Span | None
    random_change: Span | None
    random_accuracy: Span | None


@dataclass(frozen=True)
class DoseResponse:
    """The doses, the text above them, the accuracy of chance, and what the metric is called; `notes` go below."""

    doses: tuple[Dose, ...]
    title: str
    subtitle: str
    chance: float
    metric: str
    notes: tuple[str, ...] = ()


class _Point(NamedTuple):
    strength: float
    value: float
    ends: Span | None
    random: Span | None


def dose_response_bytes(curve: DoseResponse, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(lambda: draw_doses(curve), kind, dpi=DPI)


def draw_doses(curve: DoseResponse) -> Figure:
    """The change of the metric on the left, the accuracy on the right."""
    doses = sorted(curve.doses)
    of_change = [_Point(dose.strength, dose.change, dose.change_interval, dose.random_change) for dose in doses]
    of_accuracy = [_Point(dose.strength, dose.accuracy, dose.accuracy_interval, dose.random_accuracy) for dose in doses]
    title = f"change of the {curve.metric}"
    title = title if text_width(title) <= _PLOT else "change of the metric"
    plots = [_Plot.of(title, of_change, 0.0), _Plot.of("accuracy", of_accuracy, curve.chance, whole_range=(0.0, 1.0))]
    beside = [max(map(text_width, tick_labels(plot.ticks))) + 0.1 for plot in plots]
    first = whole(MARGIN + beside[0])
    second = whole(first + _PLOT + _GAP + beside[1])
    page = Page.of(
        whole(second + _PLOT + MARGIN),
        title=curve.title,
        subtitle=curve.subtitle,
        below=[_caption(curve), *curve.notes],
    )
    figure, axes = page.figure(whole(page.under + 2.4 * LINE + _HEIGHT + LINE + 0.08 + page.over))
    for plot, left in zip(plots, (first, second), strict=True):
        plot._replace(left=left, bottom=page.under + 2.4 * LINE).draw(axes)
    return figure


class _Plot(NamedTuple):
    """A plot on the page, in inches, with the range of its values, and the level of its broken line."""

    name: str
    points: list[_Point]
    line: float
    low: float
    high: float
    ticks: list[float]
    left: float = 0.0
    bottom: float = 0.0

    @classmethod
    def of(cls, name: str, points: list[_Point], line: float, *, whole_range: Span | None = None) -> _Plot:
        spans = [span for point in points for span in (point.ends, point.random) if span is not None]
        ends = [line, *(point.value for point in points), *(end for span in spans for end in span)]
        low, high = whole_range or (min(ends), max(ends))
        span = high - low or 1.0
        step = round_step(span / _MOST_TICKS)
        ticks = [step * n for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        ticks = ticks if len(ticks) > 1 else [line, line + step]
        return cls(name, points, line, low - 0.05 * span, high + 0.05 * span, ticks)

    def level(self, value: float) -> float:
        return self.bottom + _HEIGHT * (value - self.low) / (self.high - self.low)

    def across(self, strength: float) -> float:
        first, last = self.points[0].strength, self.points[-1].strength
        share = (strength - first) / (last - first) if last > first else 0.5
        return self.left + _INSET + (_PLOT - 2 * _INSET) * share

    def draw(self, axes: Axes) -> None:
        self._draw_scales(axes)
        self._draw_band(axes)
        xs = [self.across(point.strength) for point in self.points]
        for x, point in zip(xs, self.points, strict=True):
            if point.ends is not None:
                draw_line(axes, [x, x], [self.level(end) for end in point.ends], color=_COLOR, lw=0.9, zorder=3)
        look = {"color": _COLOR, "lw": 1.1, "marker": "o", "ms": 4.0, "mec": INK, "mew": 0.4, "zorder": 4}
        draw_line(axes, xs, [self.level(point.value) for point in self.points], **look)

    def _draw_scales(self, axes: Axes) -> None:
        """Axes with their numbers, a broken line at no change or chance, and an upright one at strength 0."""
        right, top = self.left + _PLOT, self.bottom + _HEIGHT
        for tick, label in zip(self.ticks, tick_labels(self.ticks), strict=True):
            y = self.level(tick)
            draw_line(axes, [self.left, right], [y, y], color=_GRID, lw=0.6, zorder=0)
            draw_text(axes, self.left - 0.06, y, label, size=SMALL, ha="right", va="center")
        broken = {"color": FAINT, "lw": 0.7, "ls": (0, (3, 2)), "zorder": 2}
        draw_line(axes, [self.left, right], [self.level(self.line)] * 2, **broken)
        draw_line(axes, [self.across(0.0)] * 2, [self.bottom, top], color=_GRID, lw=0.6, zorder=0)
        draw_line(axes, [self.left, right], [self.bottom] * 2, color=INK, lw=0.6, zorder=1)
        for strength in _apart([point.strength for point in self.points], self.across):
            x = self.across(strength)
            draw_line(axes, [x, x], [self.bottom, self.bottom - _TICK], color=INK, lw=0.6)
            draw_text(axes, x, self.bottom - _TICK - 0.03, signed(strength), size=SMALL, ha="center", va="top")
        middle = self.left + _PLOT / 2
        draw_text(axes, middle, self.bottom - _TICK - 0.03 - LINE, "strength", size=SMALL, ha="center", va="top")
        draw_text(axes, self.left, top + 0.07, wrapped(self.name, _PLOT)[0], size=NORMAL)

    def _draw_band(self, axes: Axes) -> None:
        """From the least to the most of random vectors; at a strength of 0 all vectors do nothing."""
        from matplotlib.patches import Polygon

        band = [
            (self.across(point.strength), point.random or (point.value, point.value))
            for point in self.points
            if point.random is not None or point.strength == 0
        ]
        if all(point.random is None for point in self.points):
            return
        edges = [(x, self.level(low)) for x, (low, _) in band] + [(x, self.level(high)) for x, (_, high) in band[::-1]]
        axes.add_patch(Polygon(edges, closed=True, fc=UNMEASURED, ec=UNMEASURED, lw=1.0, zorder=1.5))


def _apart(strengths: Sequence[float], across: Callable[[float], float]) -> list[float]:
    """Strengths whose numbers do not overlap: 0 first, then from the ends inwards."""
    kept: list[float] = []
    for strength in sorted(strengths, key=lambda one: (one != 0, -abs(one), one)):
        wide = text_width(signed(strength), size=SMALL) / 2 + 0.03
        if all(
            abs(across(strength) - across(other)) > wide + text_width(signed(other), size=SMALL) / 2 for other in kept
        ):
            kept.append(strength)
    return kept


def _caption(curve: DoseResponse) -> str:
    """What the marks mean."""
    parts = ["Dots: the vector times a strength, with 95 % intervals over prompts (t of the paired change; Wilson's). "]
    if any(dose.random_change is not None for dose in curve.doses):
        parts.append("Gray: random vectors of the same norm and strength, least to most. ")
    parts.append(f"Broken lines: no change, and chance ({curve.chance:.2f}).")
    return "".join(parts)
