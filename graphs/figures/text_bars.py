"""Texts by a share of their loss: a dot with its interval for each, over what random sets give.

Texts of one group stand together, the first group on top. Sizes are in inches: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, signed, text_width, whole, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]

_PLOT, _ROW, _MOST_NAME = 3.6, 0.2, 2.2  # inches
_MOST_ROWS = 40  # texts of a group
_CAP, _DOT = 0.035, 4.0
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
_TICK, _AXIS, _APART = 0.04, 0.26, 0.4


class TextBar(NamedTuple):
    """A text.

    interval  None where it is unbounded
    others    least and most that random sets give; None without any
    """

    name: str
    group: str
    value: float
    interval: Span | None
    others: Span | None


@dataclass(frozen=True)
class TextBars:
    """What the figure shows: texts of one group follow each other, as they are drawn from top to bottom."""

    bars: tuple[TextBar, ...]
    title: str
    subtitle: str


def text_bars_bytes(table: TextBars, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_text_bars, table), kind, dpi=DPI)


def draw_text_bars(table: TextBars) -> Figure:
    """A line per text, a heading per group; of a large group the first texts."""
    groups = {
        name: [bar for bar in table.bars if bar.group == name] for name in dict.fromkeys(b.group for b in table.bars)
    }
    shown = {name: bars[:_MOST_ROWS] for name, bars in groups.items()}
    bars = [bar for own in shown.values() for bar in own]
    names = [wrapped(bar.name, _MOST_NAME)[0] for bar in bars]
    left = MARGIN + max(map(text_width, names)) + 0.14
    left_out = sum(map(len, groups.values())) - len(bars)
    page = Page.of(
        whole(left + _PLOT + MARGIN), title=table.title, subtitle=table.subtitle, below=[_caption(bars, left_out)]
    )
    height = whole(page.under + _AXIS + _ROW * (len(bars) + len(shown)) + page.over)
    figure, axes = page.figure(height)
    ends = [0.0, *(bar.value for bar in bars)]
    ends += [end for bar in bars for span in (bar.interval, bar.others) if span is not None for end in span]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    low, high = min(ends) - room, max(ends) + room

    def at(value: float) -> float:
        return left + _PLOT * (value - low) / (high - low)

    bottom, top = page.under + _AXIS, height - page.over
    axes.plot([left, left + _PLOT], [bottom, bottom], color=FAINT, lw=0.6, zorder=1)
    axes.plot([at(0.0)] * 2, [bottom, top], color=FAINT, lw=0.6, ls=(0, (3, 2)), zorder=1)
    for mark in (0.0, *(end for end in (min(ends), max(ends)) if abs(at(end) - at(0.0)) > _APART)):
        axes.plot([at(mark)] * 2, [bottom, bottom - _TICK], color=FAINT, lw=0.6, zorder=1)
        draw_text(axes, at(mark), bottom - _TICK - 0.03, signed(mark, 2), size=SMALL, ha="center", va="top")
    middle = top - _ROW / 2
    for number, (group, own) in enumerate(shown.items()):
        color = _COLORS[number % len(_COLORS)]
        draw_text(axes, MARGIN, middle, group, size=NORMAL, color=color, weight="bold", va="center")
        for bar in own:
            middle -= _ROW
            draw_text(axes, left - 0.14, middle, wrapped(bar.name, _MOST_NAME)[0], size=NORMAL, ha="right", va="center")
            _draw_bar(axes, bar, middle, at_value=at(bar.value), ends=_mapped(bar.interval, at), color=color)
            if (others := _mapped(bar.others, at)) is not None:
                axes.plot(
                    [others[0] - 0.01, others[1] + 0.01],
                    [middle, middle],
                    color=UNMEASURED,
                    lw=6,
                    solid_capstyle="butt",
                    zorder=2,
                )
        middle -= _ROW
    return figure


def _mapped(span: Span | None, at: Callable[[float], float]) -> Span | None:
    return None if span is None else (at(span[0]), at(span[1]))


def _draw_bar(axes: Axes, bar: TextBar, middle: float, *, at_value: float, ends: Span | None, color: str) -> None:
    if ends is not None:
        axes.plot(list(ends), [middle, middle], color=color, lw=1.0, zorder=3)
        for end in ends:
            axes.plot([end, end], [middle - _CAP, middle + _CAP], color=color, lw=1.0, zorder=3)
    face = color if bar.interval is not None else "none"
    axes.plot([at_value], [middle], marker="o", ms=_DOT, mfc=face, mec=INK, mew=0.4, zorder=4)


def _caption(bars: list[TextBar], left_out: int) -> str:
    """What the marks mean."""
    parts = ["Dots: with 95 % intervals over blocks of tokens"]
    parts.append("; open: too few tokens for one. " if any(bar.interval is None for bar in bars) else ". ")
    if any(bar.others is not None for bar in bars):
        parts.append("Gray: random sets, least to most. ")
    if left_out:
        parts.append(f"{left_out} more texts, below these in their groups, are not drawn.")
    return "".join(parts).strip()
