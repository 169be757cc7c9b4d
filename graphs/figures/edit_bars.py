"""What edits of heads do: accuracy and change of the metric of each set of heads, over what other heads give.

One line per set: a dot with its 95 % interval, and behind it a gray bar from the least to the most that the same edit
does on other heads of the same layers. Sizes are in inches: the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, signed, text_width, whole, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]

_PLOT, _GAP = 1.75, 0.62  # inches: width of each of the two plots, and between them
_ROW, _MOST_NAME = 0.3, 2.2
_CAP, _DOT = 0.035, 4.2  # half a bar's end, inches; a dot, points
_DOTS = ("#0072B2", "#D55E00")  # Okabe and Ito's blue; vermilion for the set that was chosen
_AXIS, _TICK = 0.26, 0.04
_APART = 0.3  # between the labels of an axis at least


class EditBar(NamedTuple):
    """One set of heads.

    name      the heads; `none` for the plain model
    accuracy  from 0 to 1, and its interval; change of the metric likewise, None for the plain model
    others    least and most that other heads give, of the accuracy and of the change; None without any
    """

    name: str
    accuracy: float
    accuracy_interval: Span
    change: float | None
    change_interval: Span | None
    others_accuracy: Span | None
    others_change: Span | None
    is_chosen: bool = False


@dataclass(frozen=True)
class EditBars:
    """What the figure shows.

    bars      from top to bottom
    title, subtitle   what was edited, and where the numbers come from
    chance    accuracy of answers in random order
    metric    what the change is of
    """

    bars: tuple[EditBar, ...]
    title: str
    subtitle: str
    chance: float
    metric: str


def edit_figure_bytes(table: EditBars, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_edits, table), kind, dpi=DPI)


def draw_edits(table: EditBars) -> Figure:
    """A line per set of heads: accuracy on the left, change of the metric on the right."""
    names = [wrapped(bar.name, _MOST_NAME) for bar in table.bars]
    left = MARGIN + max(text_width(line) for lines in names for line in lines) + 0.12
    page = Page.of(
        whole(left + 2 * _PLOT + _GAP + MARGIN),
        title=table.title,
        subtitle=table.subtitle,
        below=[_caption(table)],
    )
    heights = [max(_ROW, LINE * len(lines) + 0.08) for lines in names]
    height = whole(page.under + _AXIS + sum(heights) + LINE + page.over)
    figure, axes = page.figure(height)
    top = height - page.over - LINE
    middles = [top - sum(heights[:n]) - heights[n] / 2 for n in range(len(heights))]
    for lines, middle in zip(names, middles, strict=True):
        for below, line in enumerate(lines):
            raised = LINE * (len(lines) - 1) / 2 - LINE * below
            draw_text(axes, left - 0.12, middle + raised, line, size=NORMAL, ha="right", va="center")
    bottom = top - sum(heights)
    accuracy = _Scale(left, (0.0, 1.0))
    _draw_axis(axes, accuracy, bottom, top, "accuracy", (0, 0.25, 0.5, 0.75, 1), table.chance)
    spans = [bar.change_interval for bar in table.bars] + [bar.others_change for bar in table.bars]
    ends = [end for span in spans if span is not None for end in span] + [0.0]
    ends += [bar.change for bar in table.bars if bar.change is not None]
    change = _Scale(left + _PLOT + _GAP, _padded(min(ends), max(ends)))
    zero = change.at(0.0)
    marks = (0.0, *(end for end in (min(ends), max(ends)) if abs(change.at(end) - zero) > _APART))
    title = f"change of the {table.metric}"
    title = title if text_width(title) <= _PLOT else "change of the metric"
    _draw_axis(axes, change, bottom, top, title, marks, 0.0)
    for bar, middle in zip(table.bars, middles, strict=True):
        color = _DOTS[bar.is_chosen]
        _draw_bar(axes, accuracy, middle, bar.accuracy, bar.accuracy_interval, bar.others_accuracy, color)
        if bar.change is not None:
            _draw_bar(axes, change, middle, bar.change, bar.change_interval, bar.others_change, color)
    return figure


class _Scale(NamedTuple):
    """Where values lie: from `left` on, `_PLOT` inches for the range."""

    left: float
    range: Span

    def at(self, value: float) -> float:
        low, high = self.range
        return self.left + _PLOT * (value - low) / (high - low)


def _padded(low: float, high: float) -> Span:
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _draw_axis(
    axes: Axes, scale: _Scale, bottom: float, top: float, title: str, marks: Sequence[float], line: float
) -> None:
    """The axis below a plot, its title above, and an upright line at a value."""
    axes.plot([scale.left, scale.left + _PLOT], [bottom, bottom], color=FAINT, lw=0.6, zorder=1)
    axes.plot([scale.at(line)] * 2, [bottom, top], color=FAINT, lw=0.6, ls=(0, (3, 2)), zorder=1)
    for mark in marks:
        axes.plot([scale.at(mark)] * 2, [bottom, bottom - _TICK], color=FAINT, lw=0.6, zorder=1)
        text = f"{mark:.0%}" if scale.range == (0.0, 1.0) else signed(mark, 2)
        draw_text(axes, scale.at(mark), bottom - _TICK - 0.03, text, size=SMALL, ha="center", va="top")
    draw_text(axes, scale.left, top + 0.05, title, size=NORMAL)


def _draw_bar(
    axes: Axes, scale: _Scale, middle: float, value: float, ends: Span | None, others: Span | None, color: str
) -> None:
    """A dot with its interval, over the gray bar of other heads."""
    if others is not None:
        low, high = map(scale.at, others)
        axes.plot([low - 0.01, high + 0.01], [middle, middle], color=UNMEASURED, lw=7, solid_capstyle="butt", zorder=2)
    if ends is not None:
        low, high = map(scale.at, ends)
        axes.plot([low, high], [middle, middle], color=color, lw=1.0, zorder=3)
        for end in (low, high):
            axes.plot([end, end], [middle - _CAP, middle + _CAP], color=color, lw=1.0, zorder=3)
    axes.plot([scale.at(value)], [middle], marker="o", ms=_DOT, color=color, mec=INK, mew=0.4, zorder=4)


def _caption(table: EditBars) -> str:
    """What the marks mean."""
    parts = ["Dots: with 95 % intervals over prompts (Wilson's; t of the paired change). "]
    if any(bar.others_accuracy is not None for bar in table.bars):
        parts.append("Gray: the same edit on other heads of the same layers, least to most. ")
    parts.append(f"Broken lines: chance ({table.chance:.1%}), and no change.")
    if any(bar.is_chosen for bar in table.bars):
        parts.append(" Vermilion: the heads that other prompts chose.")
    return "".join(parts)
