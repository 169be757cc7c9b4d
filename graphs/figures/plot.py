"""A plot on a page: a rectangle with a scale of values upwards, and what figures with such scales draw alike.

All lengths are in inches. What lies across, such as strengths or numbers of heads, is the figure's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, NORMAL, SMALL, draw_text
from graphs.figures.page import UNMEASURED, draw_line, round_step, text_width, tick_labels
from graphs.figures.palette import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Span = tuple[float, float]

TICK = 0.04
FOOT = 2.4 * LINE  # below a plot: numbers, and what they are of
_PADDING = 0.05  # of the range, beyond its ends
_MOST_TICKS = 5


class Plot(NamedTuple):
    """Where a plot is, the range of its values, and those that are labeled."""

    width: float
    height: float
    low: float
    high: float
    ticks: tuple[float, ...]
    left: float = 0.0
    bottom: float = 0.0

    @classmethod
    def of(cls, size: Span, values: Iterable[float], *, most_ticks: int = _MOST_TICKS) -> Plot:
        """A plot (width, height) that holds all values, and a little more on both sides."""
        ends = list(values)
        low, high = min(ends), max(ends)
        span = high - low or 1.0
        ticks = round_ticks(low, high, most_ticks) if high > low else (low, low + 1)
        return cls(*size, low - _PADDING * span, high + _PADDING * span, ticks)

    @property
    def beside(self) -> float:
        """How much its numbers take on its left."""
        return max(map(text_width, tick_labels(self.ticks))) + 0.1

    @property
    def right(self) -> float:
        return self.left + self.width

    def at(self, left: float, bottom: float) -> Plot:
        """The same plot, with its lower left corner there."""
        return self._replace(left=left, bottom=bottom)

    def level(self, value: float) -> float:
        """y of a value."""
        return self.bottom + self.height * (value - self.low) / (self.high - self.low)

    def draw_scale(self, axes: Axes, name: str, *, broken: float | None = None) -> None:
        """Lines at round values with their numbers, the name above, and a broken line at one value."""
        for tick, label in zip(self.ticks, tick_labels(self.ticks), strict=True):
            y = self.level(tick)
            draw_line(axes, [self.left, self.right], [y, y], color=GRID, lw=0.6, zorder=0)
            draw_text(axes, self.left - 0.06, y, label, size=SMALL, ha="right", va="center")
        if broken is not None:
            y = self.level(broken)
            draw_line(axes, [self.left, self.right], [y, y], color=FAINT, lw=0.7, ls=(0, (3, 2)), zorder=2)
        draw_text(axes, self.left, self.bottom + self.height + 0.07, name, size=NORMAL)

    def draw_foot(self, axes: Axes, marks: Iterable[tuple[float, str]], name: str) -> None:
        """The line below, with a mark and a number at each x, a mark alone where the number is empty; and the name."""
        draw_line(axes, [self.left, self.right], [self.bottom] * 2, color=INK, lw=0.6, zorder=1)
        for x, label in marks:
            draw_line(axes, [x, x], [self.bottom, self.bottom - TICK], color=INK, lw=0.6)
            if label:
                draw_text(axes, x, self.bottom - TICK - 0.03, label, size=SMALL, ha="center", va="top")
        middle = self.left + self.width / 2
        draw_text(axes, middle, self.bottom - TICK - 0.03 - LINE, name, size=SMALL, ha="center", va="top")

    def draw_band(self, axes: Axes, spans: Sequence[tuple[float, Span]]) -> None:
        """A gray band from the least to the most at each x."""
        from matplotlib.patches import Polygon

        edges = [(x, self.level(low)) for x, (low, _) in spans] + [
            (x, self.level(high)) for x, (_, high) in spans[::-1]
        ]
        axes.add_patch(Polygon(edges, closed=True, fc=UNMEASURED, ec=UNMEASURED, lw=1.0, zorder=1.5))

    def draw_interval(self, axes: Axes, x: float, ends: Span | None, color: str) -> None:
        """An upright line between the ends; nothing where they are unbounded."""
        if ends is not None:
            draw_line(axes, [x, x], [self.level(end) for end in ends], color=color, lw=0.9, zorder=3)


def round_ticks(low: float, high: float, most: int = _MOST_TICKS) -> tuple[float, ...]:
    """Round numbers at equal distances, from `low` to `high`; two at least.

    >>> round_ticks(0, 1)
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    step = round_step((high - low) / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(step * n, 12) for n in range(first, max(last, first + 1) + 1))
