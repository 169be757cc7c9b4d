"""Lanes: lines that pass a row through the same gap between its boxes stand there side by side, apart from one another.

Each line by itself would lead taut through its gaps. The order of lines in a gap is that of their taut ways; where
these are nearer than lanes, as at the corner of a box, it is the order in which they come from below, and of lines that
come from one place that in which they part: so two lines cross only where they must. In that order, and so far apart,
they stand where all of them lead as straight on as they can: the sum of their squared slopes falls row by row, where
the best places of a row, given those of its neighbors, are an isotonic regression.

The page has the same (graphs/export/page/web/lanes.js), as its filters lead lines anew.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graphs.figures.layered.places import rising

Gap = tuple[float, float]
Point = tuple[float, float]

_SWEEPS = 24  # over all rows, up and down
# Lines in a gap take no more room than so many lanes: of more, a bundle says more than a comb.
_MOST_ABREAST = 8
_STRIDE = 1.7  # how far a row goes beyond its best places: sweeps then settle sooner (successive over-relaxation)


class Way(NamedTuple):
    """Which gaps a line leads through.

    first    the row of its source
    xs       a place at its source, at every row that it passes, and at its target
    is_free  whether its start and its end may stand anywhere in their rows, as along a bar
    width    over which lines with the same end may spread there; 0 where they meet
    """

    first: int
    xs: tuple[float, ...]
    is_free: tuple[bool, bool]
    width: float

    @property
    def last(self) -> int:
        return self.first + len(self.xs) - 1

    def is_fixed(self, row: int) -> bool:
        """Whether the line stands at one of its boxes in this row."""
        return (row == self.first and not self.is_free[0]) or (row == self.last and not self.is_free[1])

    def place(self, row: int, side: int) -> int:
        """The number of a place among those of the line: below (side 0) or above (side 1) a row."""
        return 2 * (row - self.first) - 1 + side

    def sides(self, row: int) -> list[int]:
        """The sides of a row on which the line has a place."""
        return [side for side in (0, 1) if 0 <= self.place(row, side) < 2 * (len(self.xs) - 1)]


class Row(NamedTuple):
    """A row that lines pass: where it begins and ends along the drawing, and its gaps from one side to the other."""

    below: float
    above: float
    gaps: Sequence[Gap]

    def height(self, side: int) -> float:
        return self.above if side else self.below


@dataclass(frozen=True)
class _Stand:
    """The lines in a gap, below or above its row, from one side to the other."""

    row: int
    side: int
    gap: Gap
    lines: Sequence[int]
    apart: float


def lanes(ways: Sequence[Way], rows: Sequence[Row], apart: float) -> list[list[float]]:
    """Where every line stands: at its start, below and above every row that it passes, and at its end.

    apart  of neighboring lanes; they are nearer where a gap is too narrow or has many of them
    """
    taken = [[nearest(rows[way.first + at].gaps, x) for at, x in enumerate(way.xs)] for way in ways]
    places = [_alone(way, gaps, rows) for way, gaps in zip(ways, taken, strict=True)]
    stands: list[_Stand] = []
    for row, passing, meeting in _ordered(ways, taken, places, len(rows), apart):
        for own in meeting:
            _fan(own, ways, places, apart)
        for (low, high), lines in passing.items():
            width = min(high - low, (_MOST_ABREAST - 1) * apart)
            step = min(apart, width / max(1, len(lines) - 1))
            stands += [_Stand(row, side, (low, high), lines, step) for side in ways[lines[0]].sides(row)]
    for sweep in range(_SWEEPS):
        for stand in reversed(stands) if sweep % 2 else stands:
            _straighten(stand, ways, places, rows)
    return places


def nearest(gaps: Sequence[Gap], x: float) -> Gap:
    """The gap that a place is in, or nearest to."""
    return min(gaps, key=lambda gap: max(gap[0] - x, x - gap[1], 0.0))


def _height(way: Way, place: int, rows: Sequence[Row]) -> float:
    return rows[way.first + (place + 1) // 2].height((place + 1) % 2)


def _alone(way: Way, taken: Sequence[Gap], rows: Sequence[Row]) -> list[float]:
    """The places of a line that is alone."""
    heights = [_height(way, place, rows) for place in range(2 * (len(way.xs) - 1))]
    gates = [(y, *taken[1 + at // 2]) for at, y in enumerate(heights[1:-1])]
    bends = taut((way.xs[0], heights[0]), gates, (way.xs[-1], heights[-1]))
    places, following = [], 1
    for y in heights:
        while following < len(bends) - 1 and bends[following][1] < y:
            following += 1
        (x0, y0), (x1, y1) = bends[following - 1], bends[following]
        places.append(x0 + (x1 - x0) * (y - y0) / (y1 - y0))
    return places


def taut(start: Point, gates: Sequence[tuple[float, float, float]], end: Point) -> list[Point]:
    """The shortest way from one point to another through gates (height, low, high) in the order of their heights.

    It bends only at their ends.
    """
    points, everything, following = [start], [*gates, (end[1], end[0], end[0])], 0
    while following < len(everything):
        x, y = points[-1]
        # The slopes, across by along, that pass all gates so far, and which gates set them.
        (least, at_least), (most, at_most) = (-math.inf, following), (math.inf, following)
        turn = None
        for at in range(following, len(everything)):
            height, gate_low, gate_high = everything[at]
            low, high = (gate_low - x) / (height - y), (gate_high - x) / (height - y)
            if low > most:
                turn = at_most, everything[at_most][2]
            elif high < least:
                turn = at_least, everything[at_least][1]
            if turn is not None:
                break
            if low >= least:
                least, at_least = low, at
            if high <= most:
                most, at_most = high, at
        at, bend = turn or (len(everything) - 1, end[0])
        points.append((bend, everything[at][0]))
        following = at + 1
    return points


def _ordered(
    ways: Sequence[Way], taken: Sequence[Sequence[Gap]], places: Sequence[Sequence[float]], n: int, apart: float
) -> Iterator[tuple[int, dict[Gap, list[int]], list[list[int]]]]:
    """Row by row the lines of every gap from one side to the other, and those that end in one place."""
    crossing: list[list[int]] = [[] for _ in range(n)]
    for number, way in enumerate(ways):
        for row in range(way.first, way.last + 1):
            crossing[row].append(number)
    present = [_present(row, lines, ways, taken, places, apart) for row, lines in enumerate(crossing)]
    # How lines that come from one place part, found from the top; then how all come from below.
    parting, coming = [0] * len(ways), [-1] * len(ways)
    for row in range(n - 1, 0, -1):
        keys = {
            at: (key, -1 if ways[at].last == row else parting[at], at)
            for at, key in present[row].items()
            if ways[at].first < row
        }
        for rank, at in enumerate(sorted(keys, key=keys.__getitem__)):
            parting[at] = rank
    for row in range(n):
        keys = {at: (key, coming[at], parting[at], at) for at, key in present[row].items()}
        order = sorted(keys, key=keys.__getitem__)
        passing: dict[Gap, list[int]] = defaultdict(list)
        meeting: dict[float, list[int]] = defaultdict(list)
        for rank, at in enumerate(order):
            coming[at] = rank
            if not ways[at].is_fixed(row):
                passing[taken[at][row - ways[at].first]].append(at)
            elif ways[at].last == row and ways[at].width:
                meeting[ways[at].xs[-1]].append(at)
        yield row, passing, list(meeting.values())


def _present(
    row: int,
    lines: Sequence[int],
    ways: Sequence[Way],
    taken: Sequence[Sequence[Gap]],
    places: Sequence[Sequence[float]],
    apart: float,
) -> dict[int, int]:
    """The lines of a row, numbered from one side to the other; those of a gap that are nearer than lanes have one
    number."""
    stands = []
    for at in lines:
        way = ways[at]
        own = [places[at][way.place(row, side)] for side in way.sides(row)]
        key = way.xs[row - way.first] if way.is_fixed(row) else taken[at][row - way.first][0]
        stands.append((key, own[0] if way.is_fixed(row) else sum(own) / len(own), at))
    stands.sort()
    numbers: dict[int, int] = {}
    number = 0
    for index, (key, x, at) in enumerate(stands):
        if index and (key != stands[index - 1][0] or x - stands[index - 1][1] > apart):
            number += 1
        numbers[at] = number
    return numbers


def _fan(lines: Sequence[int], ways: Sequence[Way], places: Sequence[list[float]], apart: float) -> None:
    """Lines that end in one place end side by side, so far as there is width."""
    step = min(apart, ways[lines[0]].width / max(1, len(lines) - 1))
    for number, at in enumerate(lines):
        places[at][-1] += step * (number - (len(lines) - 1) / 2)


def _straighten(stand: _Stand, ways: Sequence[Way], places: Sequence[list[float]], rows: Sequence[Row]) -> None:
    """The lines of a gap towards where they lead as straight on as they can from the places before them to those
    after."""
    (low, high), apart = stand.gap, stand.apart
    here = [ways[at].place(stand.row, stand.side) for at in stand.lines]
    wanted = []
    for number, (at, place) in enumerate(zip(stand.lines, here, strict=True)):
        x = places[at][place]
        wanted.append(x + _STRIDE * (_straight_on(ways[at], places[at], place, rows) - x) - number * apart)
    room = high - apart * (len(here) - 1)
    for number, (at, x) in enumerate(zip(stand.lines, rising(np.array(wanted)), strict=True)):
        places[at][here[number]] = max(low, min(room, float(x))) + number * apart


def _straight_on(way: Way, own: Sequence[float], here: int, rows: Sequence[Row]) -> float:
    if here == 0:
        return own[1]
    if here == len(own) - 1:
        return own[here - 1]
    before, y, after = (_height(way, place, rows) for place in (here - 1, here, here + 1))
    return (own[here - 1] * (after - y) + own[here + 1] * (y - before)) / (after - before)
