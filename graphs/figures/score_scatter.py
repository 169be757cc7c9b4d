"""Scores of the same parts by two methods against each other, with their rank correlation.

Parts in either circuit are dots; all others are a gray ground, darker where there are more, so that 70,000 edges stay a
small file. Both scales are linear about 0 and logarithmic beyond, as scores differ by orders of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import DPI, Page, draw_line, draw_upright, signed, text_width, whole, wrapped
from graphs.figures.palette import BLUE, GRID, MEMBERSHIP, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = Room(5.6, 60.0)  # inches
_MOST_SIDE, _LEGEND = 3.6, 1.7
_LEFT, _FOOT = 0.62, 0.48  # for numbers and names of the axes
_CELLS = 60  # of the ground, along each side
_LINEAR = 0.01  # of the largest |score|: up to it scales are linear
_NAMED, _APART, _DOT = 8, 0.11, 0.024  # dots with their names at most; inches: between names, and half a dot


class Correlation(NamedTuple):
    """Of the ranks of all scores, with its interval, None where it is unbounded; `n` parts."""

    value: float | None
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class ScoreScatter:
    """What the figure shows.

    names       [part]
    x, y        [part] scores by either method
    in_x, in_y  [part] whether it is in the circuit of either
    methods     what the two are called, and what their scores are in
    """

    names: tuple[str, ...]
    x: Floats
    y: Floats
    in_x: Bools
    in_y: Bools
    methods: tuple[str, str]
    correlation: Correlation
    of: str
    subtitle: str
    notes: tuple[str, ...] = ()


def score_scatter_bytes(shown: ScoreScatter, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_score_scatter, shown), kind, dpi=DPI)


def draw_score_scatter(shown: ScoreScatter, room: Room = _ROOM) -> Figure:
    """One square, with its legend beside it, or below where the room is narrow."""
    is_beside = room.width - 2 * MARGIN - _LEFT - _LEGEND >= 2.2
    legend = [(name, color, int(mask.sum())) for name, color, mask in _groups(shown) if mask.any()]
    page = Page.of(room.width, title=f"Scores of {shown.of}", subtitle=shown.subtitle, below=_below(shown))
    beneath = 0.0 if is_beside else LINE * 1.2 * (len(legend) + 2) + 0.1
    side = min(
        _MOST_SIDE,
        room.width - 2 * MARGIN - _LEFT - (_LEGEND if is_beside else 0),
        max(1.5, room.height - page.over - page.under - _FOOT - beneath),
    )
    side = whole(side)
    figure, axes = page.figure(whole(page.over + side + _FOOT + beneath + page.under))
    left, bottom = MARGIN + _LEFT, page.under + beneath + _FOOT
    square = _Square(left, bottom, side, _Scale.of(shown.x), _Scale.of(shown.y))
    square.draw(axes, shown.methods)
    _draw_ground(axes, square, shown)
    for _, color, mask in _groups(shown)[:-1]:
        xs, ys = (list(map(at, of[mask])) for at, of in ((square.across, shown.x), (square.up, shown.y)))
        draw_line(axes, xs, ys, marker="o", ms=3.4, color=color, mec=INK, mew=0.3, ls="none", zorder=3)
    _draw_names(axes, square, shown)
    corner = (left + side + 0.2, bottom + side - 0.06) if is_beside else (MARGIN, bottom - _FOOT - 0.05)
    _draw_legend(axes, corner, legend, shown.correlation)
    return figure


def _groups(shown: ScoreScatter) -> list[tuple[str, str, Bools]]:
    first, second = (method.partition(",")[0] for method in shown.methods)
    return [
        (f"only {first}", BLUE, shown.in_x & ~shown.in_y),
        (f"only {second}", ORANGE, shown.in_y & ~shown.in_x),
        ("both circuits", MEMBERSHIP["shared"], shown.in_x & shown.in_y),
        ("neither", "#bdbdbd", ~(shown.in_x | shown.in_y)),
    ]


class _Scale(NamedTuple):
    """From values to shares of a side: linear up to `linear`, logarithmic beyond, as far as the ends."""

    linear: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> _Scale:
        largest = float(np.abs(values).max(initial=0)) or 1.0
        linear = _LINEAR * largest
        ends = np.arcsinh(np.array([min(0.0, float(values.min())), max(0.0, float(values.max()))]) / linear)
        room = 0.06 * (ends[1] - ends[0])
        return cls(linear, float(ends[0] - room), float(ends[1] + room))

    def share(self, value: float) -> float:
        return (math.asinh(value / self.linear) - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """0, powers of ten, then twice and five times these: on both sides, beyond the linear part, within the ends."""
        largest = max(abs(math.sinh(end)) for end in (self.low, self.high)) * self.linear
        first, last = math.ceil(math.log10(2 * self.linear)), math.floor(math.log10(largest))
        sizes = [step * 10.0**power for step in (1, 5, 2) for power in range(first - 1, last + 1)]
        known = [size for size in sizes if size >= 2 * self.linear]
        signed_sizes = [sign * size for size in known for sign in (1, -1)]
        return [tick for tick in (0.0, *signed_sizes) if 0 <= self.share(tick) <= 1]


class _Square(NamedTuple):
    """Where the plot is, in inches."""

    left: float
    bottom: float
    side: float
    x: _Scale
    y: _Scale

    def across(self, value: float) -> float:
        return self.left + self.side * self.x.share(value)

    def up(self, value: float) -> float:
        return self.bottom + self.side * self.y.share(value)

    def draw(self, axes: Axes, names: tuple[str, str]) -> None:
        """The frame, lines at powers of ten with their numbers, and the names of the axes."""
        from matplotlib.patches import Rectangle

        left, bottom, side = self[:3]
        axes.add_patch(Rectangle((left, bottom), side, side, facecolor=PAPER, edgecolor=FAINT, lw=0.6, zorder=0))
        for tick in _apart(self.x.ticks, self.across, lambda tick: text_width(signed(tick), size=SMALL) + 0.08):
            x, look = self.across(tick), {"color": FAINT if tick == 0 else GRID, "lw": 0.5, "zorder": 0.6}
            draw_line(axes, [x, x], [bottom, bottom + side], **look)
            draw_text(axes, x, bottom - 0.05, signed(tick), size=SMALL, ha="center", va="top")
        for tick in _apart(self.y.ticks, self.up, lambda _: 0.2):
            y, look = self.up(tick), {"color": FAINT if tick == 0 else GRID, "lw": 0.5, "zorder": 0.6}
            draw_line(axes, [left, left + side], [y, y], **look)
            draw_text(axes, left - 0.05, y, signed(tick), size=SMALL, ha="right", va="center")
        draw_text(axes, left + side / 2, bottom - 0.22, wrapped(names[0], side)[0], size=NORMAL, ha="center", va="top")
        draw_upright(axes, MARGIN + LINE / 2, bottom + side / 2, wrapped(names[1], side)[0])


def _apart(ticks: Sequence[float], at: Callable[[float], float], wide: Callable[[float], float]) -> list[float]:
    """Those whose numbers, so wide, do not overlap; of two that do, the first."""
    kept: list[float] = []
    for tick in ticks:
        if all(abs(at(tick) - at(other)) > (wide(tick) + wide(other)) / 2 for other in kept):
            kept.append(tick)
    return kept


def _draw_ground(axes: Axes, square: _Square, shown: ScoreScatter) -> None:
    """Parts in neither circuit, counted in cells: darker by the logarithm of how many there are."""
    others = ~(shown.in_x | shown.in_y)
    places = [[square.x.share(float(value)) for value in shown.x[others]]]
    places.append([square.y.share(float(value)) for value in shown.y[others]])
    counts, _, _ = np.histogram2d(*places, bins=_CELLS, range=[[0, 1], [0, 1]])
    darkness = np.log1p(counts.T) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
    tone = np.where(counts.T > 0, 0.86 - 0.36 * darkness, 1.0)
    colors = np.concatenate([np.repeat(tone[..., None], 3, axis=-1), (counts.T > 0)[..., None]], axis=-1)
    extent = (square.left, square.left + square.side, square.bottom, square.bottom + square.side)
    axes.imshow(colors, extent=extent, origin="lower", interpolation="nearest", aspect="auto", zorder=0.5)


def _draw_names(axes: Axes, square: _Square, shown: ScoreScatter) -> None:
    """The names of the strongest parts in a circuit, where these overlap with no dot and no other name."""
    strength = np.abs(shown.x) / _largest(shown.x) + np.abs(shown.y) / _largest(shown.y)
    chosen = np.flatnonzero(shown.in_x | shown.in_y)
    places = {int(n): (square.across(float(shown.x[n])), square.up(float(shown.y[n]))) for n in chosen}
    taken = [(x - _DOT, x + _DOT, y) for x, y in places.values()]
    n_named = 0
    for number in chosen[np.argsort(-strength[chosen], kind="stable")]:
        (x, y), name = places[int(number)], shown.names[number]
        wide = text_width(name, size=SMALL)
        for start in (x + 0.05, x - 0.05 - wide):
            box = (start, start + wide, y)
            is_inside = square.left < box[0] and box[1] < square.left + square.side
            if is_inside and n_named < _NAMED and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                n_named += 1
                draw_text(axes, start, y, name, size=SMALL, va="center")
                break


def _overlap(a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    """Whether two boxes of the height of a line overlap: from, to, and the level of their middles."""
    return abs(a[2] - b[2]) < _APART and a[0] < b[1] and b[0] < a[1]


def _largest(scores: Floats) -> float:
    return float(np.abs(scores).max(initial=0)) or 1.0


def _draw_legend(
    axes: Axes, corner: tuple[float, float], legend: Sequence[tuple[str, str, int]], found: Correlation
) -> None:
    x, y = corner
    ends = "" if found.interval is None else f" [{', '.join(signed(end, 2) for end in found.interval)}]"
    value = "not defined" if found.value is None else f"{signed(found.value, 2)}{ends}"
    for line in ("rank correlation", value):
        draw_text(axes, x, y, line, size=NORMAL, weight="bold", va="center")
        y -= 1.2 * LINE
    for name, color, n in legend:
        look = {"marker": "s" if name == "neither" else "o", "ms": 3.6, "mew": 0.3, "ls": "none"}
        draw_line(axes, [x + 0.05], [y], color=color, mec=INK if name != "neither" else color, **look)
        draw_text(axes, x + 0.15, y, f"{wrapped(name, 1.1)[0]}: {n:,}", size=NORMAL, va="center")
        y -= 1.2 * LINE


def _below(shown: ScoreScatter) -> list[str]:
    return [
        f"Dots: {shown.of} in a circuit, strong ones with their names. Gray: all others, darker where there are more. "
        f"Spearman's rank correlation of all {shown.correlation.n:,} {shown.of} that both methods scored, with its 95 "
        "% bootstrap interval over prompts. Scales are linear up to a hundredth of the largest, logarithmic beyond.",
        *shown.notes,
    ]
