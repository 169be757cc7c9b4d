"""Which parts several circuits share: one column for every set of circuits that hold the same parts (Lex et al. 2014).

A bar counts the parts that are in exactly the circuits of its filled dots. Bars on the left are the sizes of the
circuits. The largest columns are drawn, and parts in all circuits always; what is left out is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from circuits.arrays import Bools
from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.fit import Room
from graphs.figures.page import DPI, Page, draw_line, round_step, text_width, whole, wrapped
from graphs.figures.palette import BLUE, GRID, PALE_GRAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = Room(6.4, 60.0)  # inches
_BARS, _LEAST_BARS, _ROW = 1.05, 0.5, 0.2
_COLUMN, _MOST_COLUMN = 0.26, 0.42
_SIZES, _MOST_NAME = 0.75, 1.6  # the bars on the left, and names
_BAR, _THICK = 0.6, 0.11  # of a column; in inches
_HEADING = 0.34


class Shared(NamedTuple):
    """Parts in exactly these circuits, by number."""

    circuits: frozenset[int]
    n: int


@dataclass(frozen=True)
class Upset:
    """What the figure shows.

    of      what is shared: heads or edges
    names   of the circuits
    sizes   [circuit] how many parts each has
    shared  every set of circuits with parts of its own, the largest first
    """

    of: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    shared: tuple[Shared, ...]
    subtitle: str

    @classmethod
    def counted(cls, of: str, names: Sequence[str], holds: Bools, *, subtitle: str) -> Upset:
        """From which circuits hold which parts, [part, circuit]."""
        counts = Counter(frozenset(row.nonzero()[0].tolist()) for row in holds if row.any())
        shared = sorted(counts.items(), key=lambda item: (-item[1], -len(item[0]), sorted(item[0])))
        sizes = tuple(holds.sum(axis=0).tolist())
        return cls(of, tuple(names), sizes, tuple(Shared(*item) for item in shared), subtitle)


def upset_bytes(shown: Upset, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_upset, shown), kind, dpi=DPI)


def draw_upset(shown: Upset, room: Room = _ROOM) -> Figure:
    """As many columns as the room is wide."""
    names = [wrapped(name, _MOST_NAME) for name in shown.names]
    rows = [max(_ROW, LINE * len(lines) + 0.05) for lines in names]
    left = MARGIN + _SIZES + 0.1 + max(text_width(line) for lines in names for line in lines) + 0.1
    columns = _largest(shown, max(1, int((room.width - MARGIN - left) / _COLUMN)))
    pitch = min(_MOST_COLUMN, (room.width - MARGIN - left) / max(len(columns), 1))
    width = whole(min(room.width, max(left + pitch * len(columns) + MARGIN, 4.0)))
    page = Page.of(
        width,
        title=f"{shown.of.capitalize()} that circuits share",
        subtitle=shown.subtitle,
        below=[_caption(shown), *_left_out(shown, columns)],
    )
    around = page.over + _HEADING + 0.1 + sum(rows) + page.under
    bars = min(_BARS, max(_LEAST_BARS, room.height - around))
    figure, axes = page.figure(whole(around + bars))
    floor = page.under + sum(rows) + 0.1
    middles = [floor - 0.1 - sum(rows[:row]) - rows[row] / 2 for row in range(len(rows))]
    places = [left + pitch * (number + 0.5) for number in range(len(columns))]
    _draw_bars(axes, (left, floor), (pitch, bars), shown.of, dict(zip(places, columns, strict=True)))
    _draw_rows(axes, left, middles, names, shown.sizes)
    _draw_dots(axes, dict(zip(places, columns, strict=True)), middles)
    return figure


def _largest(shown: Upset, most: int) -> list[Shared]:
    """The columns that have room: the largest, and what all circuits share in any case."""
    in_all = [shared for shared in shown.shared if len(shared.circuits) == len(shown.names)]
    others = [shared for shared in shown.shared if shared not in in_all]
    kept = in_all + others[: most - len(in_all)]
    return [shared for shared in shown.shared if shared in kept]


def _left_out(shown: Upset, columns: Sequence[Shared]) -> list[str]:
    missing = [shared for shared in shown.shared if shared not in columns]
    if not missing:
        return []
    n, most = sum(shared.n for shared in missing), max(shared.n for shared in missing)
    return [f"Not drawn: {n:,} {shown.of} in {len(missing):,} more columns, of {most:,} at most."]


def _draw_bars(
    axes: Axes, corner: tuple[float, float], sides: tuple[float, float], of: str, columns: Mapping[float, Shared]
) -> None:
    """How many parts are in each set of circuits.

    corner, sides  where the first column begins below, and how wide a column and how high the largest bar is
    """
    (left, floor), (pitch, height) = corner, sides
    largest = max((shared.n for shared in columns.values()), default=1)
    step = max(1, round(round_step(largest / 3)))
    for value in range(0, largest + 1, step):
        y = floor + height * value / largest
        draw_line(axes, [left, left + pitch * max(len(columns), 1)], [y, y], color=GRID, lw=0.6, zorder=0)
        draw_text(axes, left - 0.06, y, f"{value:,}", size=SMALL, ha="right", va="center")
    draw_text(axes, left, floor + height + 0.2, of, size=NORMAL)
    if not columns:
        draw_text(axes, left, floor + 0.1, f"no circuit has any {of}", size=NORMAL)
    for x, shared in columns.items():
        top = height * shared.n / largest
        _draw_box(axes, (x - _BAR * pitch / 2, floor), (_BAR * pitch, top))
        draw_text(axes, x, floor + top + 0.03, f"{shared.n:,}", size=SMALL, ha="center")


def _draw_rows(
    axes: Axes, left: float, middles: Sequence[float], names: Sequence[Sequence[str]], sizes: Sequence[int]
) -> None:
    """The name of every circuit, and how large it is."""
    largest = max([*sizes, 1])
    room = _SIZES - text_width(f"{largest:,}", size=SMALL) - 0.05
    for lines, middle, size in zip(names, middles, sizes, strict=True):
        for below, line in enumerate(lines):
            y = middle + LINE * (len(lines) - 1) / 2 - LINE * below
            draw_text(axes, left - 0.1, y, line, size=NORMAL, ha="right", va="center")
        end, length = MARGIN + _SIZES, room * size / largest
        _draw_box(axes, (end - length, middle - _THICK / 2), (length, _THICK))
        draw_text(axes, end - length - 0.04, middle, f"{size:,}", size=SMALL, ha="right", va="center")


def _draw_dots(axes: Axes, columns: Mapping[float, Shared], middles: Sequence[float]) -> None:
    """A filled dot for every circuit of a set, linked; a pale one for the others."""
    for x, shared in columns.items():
        held = [middles[circuit] for circuit in sorted(shared.circuits)]
        draw_line(axes, [x, x], [held[0], held[-1]], color=INK, lw=1.2, zorder=1)
        for circuit, y in enumerate(middles):
            color, size = (INK, 5.5) if circuit in shared.circuits else (PALE_GRAY, 4.0)
            draw_line(axes, [x], [y], marker="o", ms=size, color=color, mec=color, ls="none", zorder=2)


def _draw_box(axes: Axes, corner: tuple[float, float], size: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(corner, *size, facecolor=BLUE, edgecolor="none", zorder=2))


def _caption(shown: Upset) -> str:
    return (
        f"Bars above: {shown.of} that are in the circuits of the filled dots and in no other. On the left: all "
        f"{shown.of} of each circuit."
    )
