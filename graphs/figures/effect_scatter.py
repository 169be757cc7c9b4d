"""Two effects of every part against each other, such as direct against total, colored by role, class or kind.

On the diagonal both are the same; parts far to the right of it act by way of later parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, draw_upright, round_step, signed, text_width, whole
from graphs.figures.palette import ROLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

At = Callable[[float, float], float]  # value, where the axis starts -> inches

_SIDE, _LEGEND = 3.6, 1.75  # inches
_NAMED, _APART = 12, 0.13  # heads with their names at most; inches between names at least
_DOT, _STEP = 4.5, 0.2


class HeadDot(NamedTuple):
    """One head or MLP: its two effects with their intervals, None where unbounded; its role, class or kind, or None."""

    head: str
    x: float
    x_interval: tuple[float, float] | None
    y: float
    y_interval: tuple[float, float] | None
    role: str | None = None


@dataclass(frozen=True)
class EffectScatter:
    """What the figure shows; names of the two axes with their units.

    each     what a dot is
    without  what the legend calls dots without a role
    """

    dots: tuple[HeadDot, ...]
    x_name: str
    y_name: str
    title: str
    subtitle: str
    each: str = "a head"
    without: str = "no role"


def scatter_bytes(shown: EffectScatter, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_scatter, shown), kind, dpi=DPI)


def draw_scatter(shown: EffectScatter) -> Figure:
    """One square, both axes on one scale, with a legend of roles beside it."""
    caption = (
        f"Each dot is {shown.each}; lines are intervals over prompts, of colored dots and the largest. Broken: "
        "both effects the same."
    )
    width = whole(2 * MARGIN + 0.55 + _SIDE + _LEGEND)
    page = Page.of(width, title=shown.title, subtitle=shown.subtitle, below=[caption])
    height = whole(page.over + _SIDE + 0.5 + page.under)
    figure, axes = page.figure(height)
    left, bottom = MARGIN + 0.55, page.under + 0.5
    values = [value for dot in shown.dots for value in (dot.x, dot.y, *(dot.x_interval or ()), *(dot.y_interval or ()))]
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * (high - low) or 1.0
    low, high = low - room, high + room

    def at(value: float, start: float) -> float:
        return start + _SIDE * (value - low) / (high - low)

    _draw_axes(axes, (left, bottom), at, (low, high), shown)
    roles = list(dict.fromkeys(dot.role for dot in sorted(shown.dots, key=lambda dot: dot.role or "") if dot.role))
    colors = {role: ROLES[number % len(ROLES)] for number, role in enumerate(roles)}
    largest = sorted(shown.dots, key=lambda dot: -max(abs(dot.x), abs(dot.y)))[:_NAMED]
    named: list[tuple[float, float]] = []
    for dot in sorted(shown.dots, key=lambda dot: dot.role is not None):
        x, y, color = at(dot.x, left), at(dot.y, bottom), colors.get(dot.role or "", UNMEASURED)
        if dot.role or dot in largest:
            _draw_interval(axes, dot, at, (left, bottom), color)
        axes.plot([x], [y], marker="o", ms=_DOT, color=color, mec=INK if dot.role else FAINT, mew=0.4, zorder=4)
    for dot in largest:
        x, dot_y = at(dot.x, left), at(dot.y, bottom)
        for y in (dot_y + 0.04, dot_y - 0.13):
            if any(abs(y - other_y) < _APART and abs(x - other_x) < 0.45 for other_x, other_y in named):
                continue
            named.append((x, y))
            is_right = x + 0.06 + text_width(dot.head, size=SMALL) <= left + _SIDE
            beside, ha = (0.06, "left") if is_right else (-0.06, "right")
            draw_text(axes, x + beside, y, dot.head, size=SMALL, ha=ha)
            break
    top = bottom + _SIDE - 0.1
    without = [(shown.without, UNMEASURED)] if any(dot.role is None for dot in shown.dots) else []
    for number, (name, color) in enumerate([*colors.items(), *without]):
        y = top - _STEP * number
        axes.plot([left + _SIDE + 0.2], [y], marker="o", ms=_DOT, color=color, mec=INK, mew=0.4)
        draw_text(axes, left + _SIDE + 0.3, y, name, size=NORMAL, va="center")
    return figure


def _draw_axes(
    axes: Axes, corner: tuple[float, float], at: At, span: tuple[float, float], shown: EffectScatter
) -> None:
    from matplotlib.patches import Rectangle

    left, bottom = corner
    axes.add_patch(Rectangle(corner, _SIDE, _SIDE, facecolor=PAPER, edgecolor=FAINT, lw=0.6, zorder=0))
    axes.plot([left, left + _SIDE], [bottom, bottom + _SIDE], color=FAINT, lw=0.6, ls=(0, (3, 2)), zorder=1)
    for start, is_x in ((left, True), (bottom, False)):
        zero = at(0.0, start)
        line = ([zero, zero], [bottom, bottom + _SIDE]) if is_x else ([left, left + _SIDE], [zero, zero])
        axes.plot(*line, color=FAINT, lw=0.4, zorder=1)
    for value in _marks(*span):
        x, y = at(value, left), at(value, bottom)
        draw_text(axes, x, bottom - 0.05, signed(value), size=SMALL, ha="center", va="top")
        draw_text(axes, left - 0.05, y, signed(value), size=SMALL, ha="right", va="center")
    draw_text(axes, left + _SIDE / 2, bottom - 0.24, shown.x_name, size=NORMAL, ha="center", va="top")
    draw_upright(axes, left - 0.42, bottom + _SIDE / 2, shown.y_name)


def _marks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, four to nine of them."""
    step = round_step((high - low) / 7)
    return [round(number * step, 10) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _draw_interval(axes: Axes, dot: HeadDot, at: At, corner: tuple[float, float], color: str) -> None:
    left, bottom = corner
    x, y = at(dot.x, left), at(dot.y, bottom)
    if dot.x_interval is not None:
        axes.plot([at(end, left) for end in dot.x_interval], [y, y], color=color, lw=0.9, zorder=3)
    if dot.y_interval is not None:
        axes.plot([x, x], [at(end, bottom) for end in dot.y_interval], color=color, lw=0.9, zorder=3)
