"""What a vector does by its strength: change of the metric and accuracy, over what random vectors do.

A line with intervals for the vector, and behind it a gray band from the least to the most that random vectors of the
same norm give at a strength. Sizes are in inches: the same curve gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import INK, LINE, MARGIN, SMALL, DrawingFormat, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, signed, text_width, whole
from graphs.figures.palette import BLUE, GRID
from graphs.figures.plot import FOOT, Plot, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE, _GAP = (2.5, 1.8), 0.4  # inches: a plot, and between the two
_INSET = 0.14


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
    return figure_bytes(partial(draw_doses, curve), kind, dpi=DPI)


def draw_doses(curve: DoseResponse) -> Figure:
    """The change of the metric on the left, the accuracy on the right."""
    doses = sorted(curve.doses)
    of_change = [_Point(dose.strength, dose.change, dose.change_interval, dose.random_change) for dose in doses]
    of_accuracy = [_Point(dose.strength, dose.accuracy, dose.accuracy_interval, dose.random_accuracy) for dose in doses]
    title = f"change of the {curve.metric}"
    title = title if text_width(title) <= _SIZE[0] else "change of the metric"
    plots = [Plot.of(_SIZE, [0.0, *_ends(of_change)]), Plot.of(_SIZE, (0.0, 1.0))]
    first = whole(MARGIN + plots[0].beside)
    second = whole(first + _SIZE[0] + _GAP + plots[1].beside)
    page = Page.of(
        whole(second + _SIZE[0] + MARGIN),
        title=curve.title,
        subtitle=curve.subtitle,
        below=[_caption(curve), *curve.notes],
    )
    figure, axes = page.figure(whole(page.under + FOOT + _SIZE[1] + LINE + 0.08 + page.over))
    bottom = page.under + FOOT
    _draw(axes, plots[0].at(first, bottom), title, of_change, 0.0)
    _draw(axes, plots[1].at(second, bottom), "accuracy", of_accuracy, curve.chance)
    return figure


def _ends(points: Sequence[_Point]) -> list[float]:
    """All values and ends of intervals."""
    spans = [span for point in points for span in (point.ends, point.random) if span is not None]
    return [*(point.value for point in points), *(end for span in spans for end in span)]


def _draw(axes: Axes, plot: Plot, name: str, points: Sequence[_Point], line: float) -> None:
    """Scales with a broken line at no change or chance and an upright one at strength 0; the band, and the dots."""
    first, last = points[0].strength, points[-1].strength

    def across(strength: float) -> float:
        share = (strength - first) / (last - first) if last > first else 0.5
        return plot.left + _INSET + (plot.width - 2 * _INSET) * share

    plot.draw_scale(axes, name, broken=line)
    draw_line(axes, [across(0.0)] * 2, [plot.bottom, plot.bottom + plot.height], color=GRID, lw=0.6, zorder=0)
    labeled = _apart([point.strength for point in points], across)
    plot.draw_foot(axes, [(across(strength), signed(strength)) for strength in labeled], "strength")
    if any(point.random is not None for point in points):
        # At a strength of 0 all vectors do nothing.
        band = [point for point in points if point.random is not None or point.strength == 0]
        plot.draw_band(axes, [(across(point.strength), point.random or (point.value, point.value)) for point in band])
    for point in points:
        plot.draw_interval(axes, across(point.strength), point.ends, BLUE)
    look = {"color": BLUE, "lw": 1.1, "marker": "o", "ms": 4.0, "mec": INK, "mew": 0.4, "zorder": 4}
    xs, ys = [across(point.strength) for point in points], [plot.level(point.value) for point in points]
    draw_line(axes, xs, ys, **look)


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
