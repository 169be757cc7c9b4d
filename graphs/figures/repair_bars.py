"""A repair: accuracy with heads made to look where they should, beside the plain model and the same on other heads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import INK, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, text_width, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW = 3.2, 0.24  # inches: from 0 to 1, and per bar
_PLAIN, _CHOSEN, _OTHER, _RANDOM = "#8a8a8a", "#0072B2", "#8fc1e3", "#D55E00"
_GRID = "#e3e3e3"


class RepairBar(NamedTuple):
    """One set of heads.

    interval   of the accuracy, 95 %
    others     least and largest accuracy with as many other heads of the same layers; None where none were tried
    mistakes   prompts that the plain model gets right and this one does not; None of the plain model
    is_chosen  whether it is what the other half of the prompts chose
    """

    name: str
    accuracy: float
    interval: tuple[float, float]
    others: tuple[float, float] | None
    mistakes: int | None
    is_chosen: bool


@dataclass(frozen=True)
class Repair:
    """What the figure shows; the first bar is the plain model. `chance` is the accuracy of a guess."""

    bars: tuple[RepairBar, ...]
    chance: float
    subtitle: str
    notes: tuple[str, ...] = ()


def repair_bars_bytes(shown: Repair, kind: DrawingFormat) -> bytes:
    """The bars as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_repair, shown), kind, dpi=DPI)


def draw_repair(shown: Repair) -> Figure:
    """A bar for each set of heads, from above."""
    from matplotlib.patches import Rectangle

    left = MARGIN + max(text_width(bar.name) for bar in shown.bars) + 0.1
    width = whole(max(left + _WIDTH + 1.5 + MARGIN, 5.2))
    page = Page.of(width, title="Repair", subtitle=shown.subtitle, below=[_CAPTION, *shown.notes])
    height = whole(page.over + 0.12 + _ROW * len(shown.bars) + 0.42 + page.under)
    figure, axes = page.figure(height)
    top = height - page.over - 0.12
    bottom = top - _ROW * len(shown.bars)
    _draw_scale(axes, (left, bottom), top, shown.chance)
    for number, bar in enumerate(shown.bars):
        y = top - _ROW * (number + 0.5)
        color = _PLAIN if bar.mistakes is None else _CHOSEN if bar.is_chosen else _OTHER
        size = (_WIDTH * bar.accuracy, 0.13)
        axes.add_patch(Rectangle((left, y - 0.065), *size, facecolor=color, edgecolor="none", zorder=2))
        draw_text(axes, left - 0.08, y, bar.name, size=NORMAL, ha="right", va="center")
        ends = [left + _WIDTH * end for end in bar.interval]
        draw_line(axes, ends, [y, y], color=INK, lw=0.9, zorder=4)
        for end in ends:
            draw_line(axes, [end, end], [y - 0.03, y + 0.03], color=INK, lw=0.9, zorder=4)
        if bar.others is not None:
            span = [left + _WIDTH * end for end in bar.others]
            draw_line(axes, span, [y - 0.09, y - 0.09], color=_RANDOM, lw=2.0, marker="o", ms=2.4, zorder=3)
        new = "" if bar.mistakes is None else f", {bar.mistakes} new mistake{'' if bar.mistakes == 1 else 's'}"
        draw_text(axes, left + _WIDTH + 0.1, y, f"{bar.accuracy:.1%}{new}", size=SMALL, va="center")
    return figure


def _draw_scale(axes: Axes, corner: tuple[float, float], top: float, chance: float) -> None:
    left, bottom = corner
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + _WIDTH * share
        draw_line(axes, [x, x], [bottom, top], color=_GRID, lw=0.6, zorder=0)
        draw_text(axes, x, bottom - 0.05, f"{share:.0%}", size=SMALL, ha="center", va="top")
    draw_line(axes, [left + _WIDTH * chance] * 2, [bottom, top], color=INK, lw=0.8, ls=(0, (2, 2)), zorder=1)
    draw_text(axes, left + _WIDTH / 2, bottom - 0.2, "accuracy", size=NORMAL, ha="center", va="top")


_CAPTION = (
    "Share of prompts answered right, with 95 % Wilson intervals, on the half of the prompts that did not choose the "
    "heads; dark: the set that the other half chose. Orange: the same edit on other heads of the same layers, least to "
    "most. Dashed: a guess."
)
