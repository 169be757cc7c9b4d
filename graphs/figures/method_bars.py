"""Methods beside each other: a row for each, a plot for each measure, and every number with its interval.

Rows that were measured alike stand together under a heading that says how: same task, model, metric and prompts. A gray
mark is what random circuits give, with its interval. Plots stand side by side as far as the page is wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import FAINT, INK, LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import DPI, Page, draw_line, signed, text_width, tick_labels, whole, wrapped
from graphs.figures.palette import BLUE, GRAY, GRID
from graphs.figures.plot import TICK, Span, round_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = Room(7.0, 60.0)  # inches
_LEAST, _MOST, _GAP = 1.5, 2.6, 0.3  # width of a plot with its numbers, and between two
_NUMBER = 0.32  # room for numbers behind the bars
_ROW, _BAR, _HEADING, _FOOT = 0.2, 0.11, 0.22, 0.24
_MOST_NAME = 1.9
_MOST_TICKS = 3


class Measured(NamedTuple):
    """A number with its interval, None where it is unbounded; what random circuits give, likewise."""

    value: float
    interval: Span | None
    random: float | None = None
    random_interval: Span | None = None


@dataclass(frozen=True)
class MethodRow:
    """One method, or one run.

    group   how it was measured; rows of one group follow each other
    values  [measure] None where it was not measured
    """

    name: str
    group: str
    values: tuple[Measured | None, ...]


@dataclass(frozen=True)
class MethodBars:
    """What the figure shows: names of the measures, with marks at the value of chance or the best, and the rows."""

    measures: tuple[str, ...]
    rows: tuple[MethodRow, ...]
    title: str
    subtitle: str
    notes: tuple[str, ...] = ()


def method_bars_bytes(shown: MethodBars, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_method_bars, shown), kind, dpi=DPI)


def draw_method_bars(shown: MethodBars, room: Room = _ROOM) -> Figure:
    """Plots from left to right, in as many lines of plots as they take."""
    names = {row.name: wrapped(row.name, _MOST_NAME) for row in shown.rows}
    left = MARGIN + max(text_width(line) for lines in names.values() for line in lines) + 0.1
    across = max(1, min(len(shown.measures), int((room.width - left - MARGIN + _GAP) / (_LEAST + _GAP))))
    plot = min(_MOST, (room.width - left - MARGIN + _GAP) / across - _GAP)
    width = whole(min(room.width, left + (plot + _GAP) * across - _GAP + MARGIN))
    lines = list(_lines(shown, names))
    tall = sum(line.height for line in lines)
    each = LINE + 0.08 + tall + _FOOT

    def page_with(measures: Sequence[str]) -> Page:
        missing = shown.measures[len(measures) :]
        notes = [f"No room for {' and '.join(missing)}.", *shown.notes] if missing else shown.notes
        return Page.of(width, title=shown.title, subtitle=shown.subtitle, below=[_caption(shown), *notes])

    # The last measures are left out of a page that is too low for all.
    page, drawn, n_down = page_with(shown.measures), shown.measures, -(-len(shown.measures) // across)
    while n_down > 1 and page.over + each * n_down + page.under > room.height:
        n_down -= 1
        drawn = shown.measures[: across * n_down]
        page = page_with(drawn)
    figure, axes = page.figure(whole(page.over + each * n_down + page.under))
    for number, name in enumerate(drawn):
        down, right = divmod(number, across)
        top = page.under + each * (n_down - down) - LINE - 0.08
        corner = (left + (plot + _GAP) * right, top - tall)
        own = [row.values[number] for row in shown.rows]
        _draw_plot(axes, corner, plot - _NUMBER, (lines, own), wrapped(name, plot)[0])
        if right == 0:
            _draw_names(axes, left, top, lines, names)
    return figure


class _Line(NamedTuple):
    """A heading, or the row of a number."""

    height: float
    heading: str | None
    row: int | None
    name: str = ""


def _lines(shown: MethodBars, names: dict[str, list[str]]) -> Iterator[_Line]:
    """What stands below each other; a heading only where there are several groups."""
    groups, last = {row.group for row in shown.rows}, None
    for number, row in enumerate(shown.rows):
        if len(groups) > 1 and row.group != last:
            yield _Line(_HEADING, row.group, None)
        last = row.group
        yield _Line(max(_ROW, LINE * len(names[row.name]) + 0.04), None, number, row.name)


def _draw_names(axes: Axes, left: float, top: float, lines: Sequence[_Line], names: dict[str, list[str]]) -> None:
    for line in lines:
        middle, top = top - line.height / 2, top - line.height
        if line.heading is not None:
            draw_text(axes, MARGIN, middle, line.heading, size=NORMAL, weight="bold", va="center")
            continue
        for below, part in enumerate(names[line.name]):
            y = middle + LINE * (len(names[line.name]) - 1) / 2 - LINE * below
            draw_text(axes, left - 0.1, y, part, size=NORMAL, ha="right", va="center")


def _draw_plot(
    axes: Axes,
    corner: tuple[float, float],
    width: float,
    shown: tuple[Sequence[_Line], Sequence[Measured | None]],
    name: str,
) -> None:
    """One measure of all rows, from 0 or from the least below it."""
    (left, bottom), (lines, values) = corner, shown
    top = bottom + sum(line.height for line in lines)
    ends = [0.0, *(end for value in values if value is not None for end in _ends(value))]
    low, high = min(ends), max(ends)
    high = high if high > low else low + 1

    def at(value: float) -> float:
        return left + width * (value - low) / (high - low)

    ticks = round_ticks(low, high, _MOST_TICKS)
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        if tick > high + 1e-9:
            continue
        draw_line(axes, [at(tick)] * 2, [bottom, top], color=GRID, lw=0.6, zorder=0)
        draw_text(axes, at(tick), bottom - TICK - 0.03, label, size=SMALL, ha="center", va="top")
    draw_line(axes, [at(0.0)] * 2, [bottom, top], color=FAINT, lw=0.7, zorder=1)
    draw_text(axes, left, top + 0.06, name, size=NORMAL)
    for line in lines:
        middle, top = top - line.height / 2, top - line.height
        if line.row is None:
            continue
        if (value := values[line.row]) is None:
            draw_text(axes, at(0.0) + 0.04, middle, "not measured", size=SMALL, color=FAINT, va="center")
            continue
        _draw_bar(axes, middle, [at(0.0), at(value.value)], value, [at(end) for end in value.interval or ()])
        if value.random is not None:
            _draw_random(axes, middle, at(value.random), [at(end) for end in value.random_interval or ()])
        end = max(at(value.value), *(at(end) for end in _ends(value)))
        draw_text(axes, end + 0.05, middle, signed(value.value, 2), size=SMALL, va="center")


def _ends(value: Measured) -> Iterator[float]:
    yield value.value
    yield from value.interval or ()
    if value.random is not None:
        yield value.random
        yield from value.random_interval or ()


def _draw_bar(axes: Axes, middle: float, across: Sequence[float], value: Measured, ends: Sequence[float]) -> None:
    from matplotlib.patches import Rectangle

    size = (across[1] - across[0], _BAR)
    face = BLUE if value.interval is not None else "none"
    axes.add_patch(Rectangle((across[0], middle - _BAR / 2), *size, facecolor=face, edgecolor=BLUE, lw=0.7, zorder=2))
    if ends:
        draw_line(axes, ends, [middle, middle], color=INK, lw=0.9, zorder=4)
    for end in ends:
        draw_line(axes, [end, end], [middle - 0.035, middle + 0.035], color=INK, lw=0.9, zorder=4)


def _draw_random(axes: Axes, middle: float, x: float, ends: Sequence[float]) -> None:
    y = middle - _BAR / 2 - 0.025
    if ends:
        draw_line(axes, ends, [y, y], color=GRAY, lw=1.0, zorder=5)
    draw_line(axes, [x], [y], marker="^", ms=3.6, color=GRAY, mec="none", ls="none", zorder=5)


def _caption(shown: MethodBars) -> str:
    values = [value for row in shown.rows for value in row.values if value is not None]
    parts = ["Bars: with 95 % intervals over prompts"]
    parts.append("; open: without one." if any(value.interval is None for value in values) else ".")
    if any(value.random is not None for value in values):
        parts.append(" Gray triangles: random circuits of the same size, with the interval of their mean.")
    return "".join(parts)
