"""How the effect of parts differs from prompt to prompt: a row of dots for each part, with its mean and interval.

A dot is a prompt, or as many prompts as the figure says, stacked where their effects are alike (Wilkinson 1999). So two
groups of prompts are two heaps, and a mean that a few prompts make is seen to be theirs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from circuits.arrays import Floats
from graphs.figures.canvas import FAINT, INK, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import DPI, Page, draw_line, text_width, tick_labels, whole
from graphs.figures.palette import GRID, OPPOSES, SUPPORTS
from graphs.figures.plot import TICK, Span, round_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = Room(6.4, 60.0)  # inches
_ROW, _DOT = 0.4, 0.046  # least height of a row; diameter of a dot
_HIGHEST = 32  # dots of a heap that makes its row higher
_FLOOR = 0.11  # of the heaps, above the bottom of their row
_FOOT = 0.4
_PITCH = 0.052  # between stacks, and between the dots of one
_MOST_TICKS = 6


class PromptEffects(NamedTuple):
    """The effects [prompt] of a part, and the interval of their mean, None where it is unbounded."""

    name: str
    effects: Floats
    interval: Span | None


@dataclass(frozen=True)
class PromptEffectRows:
    """What the figure shows: parts from top to bottom, and what effects are in."""

    rows: tuple[PromptEffects, ...]
    unit: str
    title: str
    subtitle: str
    notes: tuple[str, ...] = ()


def prompt_effects_bytes(shown: PromptEffectRows, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_prompt_effects, shown), kind, dpi=DPI)


def draw_prompt_effects(shown: PromptEffectRows, room: Room = _ROOM) -> Figure:
    """All rows on one scale; the first ones only where the room is too low for all."""
    left = MARGIN + max(text_width(row.name) for row in shown.rows) + 0.12
    shares = [f"{(row.effects > 0).mean():.0%} > 0" for row in shown.rows]
    right = room.width - MARGIN - max(text_width(share, size=SMALL) for share in shares) - 0.1
    values = [0.0, *(float(end) for row in shown.rows for end in (row.effects.min(), row.effects.max()))]
    values += [end for row in shown.rows for end in row.interval or ()]
    scale = _Scale(left, right, min(values), max(values))
    stacks = [_stacked([scale.at(float(effect)) for effect in row.effects]) for row in shown.rows]
    rows, each, page = shown.rows, 1, _page(shown, shown.rows, room, 1)
    if page.over + _height(stacks, 1) + page.under > room.height or _highest(stacks) > _HIGHEST:
        each = _prompts_a_dot(stacks)
        page = _page(shown, rows, room, each)
    while len(rows) > 1 and page.over + _height(stacks[: len(rows)], each) + page.under > room.height:
        rows = rows[:-1]
        each = _prompts_a_dot(stacks[: len(rows)])
        page = _page(shown, rows, room, each)
    stacks = stacks[: len(rows)]
    figure, axes = page.figure(whole(page.over + _height(stacks, each) + page.under))
    bottom = page.under + _FOOT
    top = under = bottom + _height(stacks, each) - _FOOT
    scale.draw(axes, (bottom, top), shown.unit)
    for row, share, stack in zip(rows, shares, stacks, strict=False):
        under -= _row_height(stack, each)
        floor = under + _FLOOR
        draw_text(axes, left - 0.12, floor + 0.05, row.name, size=NORMAL, ha="right", va="center")
        draw_text(axes, room.width - MARGIN, floor + 0.05, share, size=SMALL, ha="right", va="center")
        _draw_stacks(axes, stack, floor, scale.at(0.0), each)
        _draw_mean(axes, row, floor - 0.04, scale)
    return figure


def _height(stacks: Sequence[dict[int, int]], each: int) -> float:
    return sum(_row_height(stack, each) for stack in stacks) + _FOOT


def _row_height(stack: dict[int, int], each: int) -> float:
    return max(_ROW, _FLOOR + _PITCH * (math.ceil(_highest([stack]) / each) + 0.5))


def _highest(stacks: Sequence[dict[int, int]]) -> int:
    """How many prompts the highest heap holds."""
    return max(max(stack.values()) for stack in stacks)


def _page(shown: PromptEffectRows, rows: Sequence[PromptEffects], room: Room, each: int) -> Page:
    missing = len(shown.rows) - len(rows)
    notes = [*shown.notes, *([f"No room for {missing} more."] if missing else [])]
    dot = "a prompt" if each == 1 else f"up to {each} prompts"
    effects = [effect for row in rows for effect in row.effects]
    colors = [
        *(["orange where the part supports the behavior"] if any(effect >= 0 for effect in effects) else []),
        *(["blue where it works against it"] if any(effect < 0 for effect in effects) else []),
    ]
    text = (
        f"{', '.join([f'A dot is {dot}', *colors])}. Black: the mean with its 95 % t interval over prompts. On the "
        "right: the share of prompts that it supports."
    )
    return Page.of(room.width, title=shown.title, subtitle=shown.subtitle, below=[text, *notes])


class _Scale(NamedTuple):
    """Where values lie, in inches."""

    left: float
    right: float
    low: float
    high: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.left + _PITCH + (self.right - self.left - 2 * _PITCH) * share

    def draw(self, axes: Axes, ends: Span, unit: str) -> None:
        """Lines at round values over all rows, with their numbers and the unit below."""
        bottom, top = ends
        ticks = round_ticks(self.low, self.high or 1.0, _MOST_TICKS)
        for tick, label in zip(ticks, tick_labels(ticks), strict=True):
            if (x := self.at(tick)) <= self.right:
                draw_line(axes, [x, x], [bottom, top], color=GRID, lw=0.6, zorder=0)
                draw_text(axes, x, bottom - TICK, label, size=SMALL, ha="center", va="top")
        draw_line(axes, [self.at(0.0)] * 2, [bottom, top], color=FAINT, lw=0.7, zorder=1)
        draw_text(axes, (self.left + self.right) / 2, bottom - 0.2, unit, size=NORMAL, ha="center", va="top")


def _stacked(places: Sequence[float]) -> dict[int, int]:
    """How many places are in each column of the width of a dot, by its number."""
    return dict(sorted(Counter(math.floor(x / _PITCH) for x in places).items()))


def _prompts_a_dot(stacks: Sequence[dict[int, int]]) -> int:
    """As few as let the highest heap stay in a row of the least height."""
    return math.ceil(_highest(stacks) / int((_ROW - _FLOOR) / _PITCH))


def _draw_stacks(axes: Axes, stack: dict[int, int], floor: float, zero: float, each: int) -> None:
    """The dots of a row, in heaps that stand on its floor."""
    sides: dict[str, list[tuple[float, float]]] = {SUPPORTS: [], OPPOSES: []}
    for column, n in stack.items():
        x = (column + 0.5) * _PITCH
        dots = sides[OPPOSES if x < zero else SUPPORTS]
        dots += [(x, floor + _PITCH * (level + 0.5)) for level in range(math.ceil(n / each))]
    for color, dots in sides.items():
        look = {"marker": "o", "ms": _DOT * 72, "mec": "none", "ls": "none", "zorder": 2}
        draw_line(axes, [x for x, _ in dots], [y for _, y in dots], color=color, **look)


def _draw_mean(axes: Axes, row: PromptEffects, y: float, scale: _Scale) -> None:
    """Below the heaps."""
    if row.interval is not None:
        draw_line(axes, [scale.at(end) for end in row.interval], [y, y], color=INK, lw=1.0, zorder=4)
    draw_line(axes, [scale.at(float(row.effects.mean()))], [y], marker="D", ms=3.2, color=INK, ls="none", zorder=4)
