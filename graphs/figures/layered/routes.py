"""How lines lead from box to box: around the boxes of the rows that they pass.

Per line, a shortest path over a fine grid across every row, whose cells under boxes are closed, and where a gap between
boxes is the dearer the fuller it is of other lines, tells between which boxes it passes. There it has its own lane.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from circuits.arrays import Floats
from circuits.cached import cached_property
from circuits.kinds import Port
from graphs.figures.layered.lanes import Gap, Row, Way, lanes, nearest
from graphs.figures.layered.places import Places
from graphs.figures.layered.scene import Box, Line, Scene

_CLEARANCE, _NARROW = 0.03, 0.25  # inches between a passing line and a box: at most this share of the gap between two
_LEAST_GAP = 0.05  # inches between boxes that a line may pass
_APART, _LEAST_APART = 0.055, 0.025  # inches between neighboring lanes, or less in a full gap
_BEYOND, _OF_GAP = 0.05, 0.35  # inches beyond its boxes that lines keep to their lanes in a row: at most this share
_FAN = 0.7  # the share of a box over which lines that end there spread, where it has no marker in which they meet
_GRID = 0.04
_CROWDING = 0.02  # cost of a gap that half of its lanes lead through already, in square inches
_OVERFULL, _FULL = 0.3, 7.5  # cost of a gap for every line more than it has lanes, and than it has the narrowest lanes
_CLOSED = 1e6  # cost of a cell under a box: passable only where a row is full


def port_place(box: Box, span: tuple[float, float], port: str | None) -> float:
    """Where on a box's side lines into this port arrive, across."""
    low, high = span
    if port is None or port not in box.ports:
        return (low + high) / 2
    return low + (high - low) * (box.ports.index(port) + 1) / (len(box.ports) + 1)


def ports_entered(scene: Scene, lines: Sequence[Line]) -> list[tuple[str, Port]]:
    """The inputs with places of their own that these lines enter, each once."""
    used = dict.fromkeys((line.target, line.port) for line in lines)
    return [(name, port) for name, port in used if port is not None and port in scene.boxes[name].ports]


def lead(scene: Scene, places: Places) -> list[Floats]:
    """The points [point, (across, along)] of every line, from the side of its source to that of its target.

    They are its ends, and between them two for every row that it passes: before and behind the boxes there.
    """
    return _Router(scene, places).lead()


class _Router:
    def __init__(self, scene: Scene, places: Places) -> None:
        self._scene, self._places = scene, places
        self._row_of = {name: number for number, row in enumerate(places.rows) for name in row}
        self._middles = [places.along[row[0]] for row in places.rows]
        self._grid = np.arange(_GRID / 2, places.across, _GRID)
        self._gaps = [self._gaps_of(row) for row in places.rows]
        self._cost = np.full((len(places.rows), len(self._grid)), _CLOSED)
        # The gap of every cell; one narrower than a cell has one, too.
        self._gap_of = [[nearest(gaps, float(x)) for x in self._grid] for gaps in self._gaps]
        for row, own in enumerate(self._gap_of):
            low, high = np.array(own).T
            self._cost[row, (low - _GRID / 2 <= self._grid) & (self._grid <= high + _GRID / 2)] = 0.0
        self._passing: Counter[tuple[int, Gap]] = Counter()
        # a move across costs its squared length: straight slants are preferred to sharp turns
        self._moves = (self._grid[:, None] - self._grid[None, :]) ** 2

    def lead(self) -> list[Floats]:
        """Points of every line, in the order of the scene. Readers are led to strongest first."""
        lines, sizes = self._scene.lines, self._scene.sizes
        by_reader: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            by_reader[line.target, line.port].append(number)
        ways: dict[int, Way] = {}
        for numbers in sorted(by_reader.values(), key=lambda numbers: -max(sizes[number] for number in numbers)):
            for number in sorted(numbers, key=lambda number: -sizes[number]):
                ways[number] = self._way(lines[number], self._passed(lines[number]))
        places = lanes([ways[number] for number in range(len(lines))], self._rows, _APART)
        return [self._points(line, xs) for line, xs in zip(lines, places, strict=True)]

    def _way(self, line: Line, xs: Sequence[float]) -> Way:
        boxes, (low, high) = self._scene.boxes, self._places.spans[line.target]
        source, target = boxes[line.source], boxes[line.target]
        has_marker = line.port is not None and line.port in target.ports
        width = 0.0 if target.is_bar or has_marker else _FAN * (high - low)
        return Way(self._row_of[line.source], tuple(xs), (source.is_bar, target.is_bar), width)

    def _passed(self, line: Line) -> list[float]:
        """Where a line stands at its source, at every row that it passes, and at its target."""
        start, end = self._row_of[line.source], self._row_of[line.target]
        source, target = self._scene.boxes[line.source], self._scene.boxes[line.target]
        end_x = None if target.is_bar else port_place(target, self._places.spans[line.target], line.port)
        if source.is_bar and target.is_bar:
            best = np.argmin(self._cost[start + 1 : end].sum(axis=0) + 1e-6 * self._grid)
            xs = [float(self._grid[best])] * (end - start + 1)
        else:
            tables = self._tables(end, end_x, start)
            if not source.is_bar:
                xs = self._follow(tables, start, end, self._places.middle(line.source))
            elif end - start > 1:
                first = float(self._grid[np.argmin(tables[start + 1])])
                xs = [first, *self._follow(tables, start + 1, end, first)]
            else:
                assert end_x is not None
                xs = [end_x]
            xs.append(xs[-1] if end_x is None else end_x)
        for row, x in zip(range(start + 1, end), xs[1:], strict=False):
            self._pass(row, x)
        return xs

    def _pass(self, row: int, x: float) -> None:
        """One more line leads through the gap at a place, which makes it dearer for the next."""
        gap = low, high = nearest(self._gaps[row], x)
        self._passing[row, gap] += 1
        most, at_all = (1 + int((high - low) / apart) for apart in (_APART, _LEAST_APART))
        n = self._passing[row, gap]
        more = 2 * _CROWDING / most + (_OVERFULL if n >= most else 0.0) + (_FULL if n >= at_all else 0.0)
        self._cost[row, [own == gap for own in self._gap_of[row]]] += more

    def _gaps_of(self, row: Sequence[str]) -> list[Gap]:
        """Where lines may pass a row: along a bar, or between boxes and beside them; anywhere in a full row."""
        across = self._places.across
        if self._scene.boxes[row[0]].is_bar:
            return [(_CLEARANCE, across - _CLEARANCE)]
        gaps, last = [], -_CLEARANCE
        ends = across + _CLEARANCE, across + _CLEARANCE
        for low, high in [*sorted(self._places.spans[name] for name in row), ends]:
            if low - last >= _LEAST_GAP:
                clearance = min(_CLEARANCE, _NARROW * (low - last))
                gaps.append((last + clearance, low - clearance))
            last = max(last, high)
        return gaps or [(0.0, across)]

    @cached_property
    def _rows(self) -> list[Row]:
        """The rows, so far beyond their boxes as lines keep to their lanes."""
        depths = [max(self._places.depths[name] for name in row) for row in self._places.rows]
        ends = [(middle - depth / 2, middle + depth / 2) for middle, depth in zip(self._middles, depths, strict=True)]
        between = [_OF_GAP * (after[0] - before[1]) for before, after in pairwise(ends)]
        margins = [min(_BEYOND, room) for room in between]
        return [
            Row(low - below, high + above, gaps)
            for (low, high), below, above, gaps in zip(ends, [0.0, *margins], [*margins, 0.0], self._gaps, strict=True)
        ]

    def _tables(self, end: int, end_x: float | None, lowest: int) -> dict[int, Floats]:
        """Per row, cost [grid cell] of the cheapest way from that cell on to row `end` at `end_x` (None: anywhere)."""
        tables: dict[int, Floats] = {}
        onwards = np.zeros(len(self._grid)) if end_x is None else (self._grid - end_x) ** 2
        for row in range(end - 1, lowest, -1):
            tables[row] = self._cost[row] + onwards
            onwards = (self._moves + tables[row][None, :]).min(axis=1)
        return tables

    def _follow(self, tables: Mapping[int, Floats], start: int, end: int, start_x: float) -> list[float]:
        """The place across at row `start` and at every row passed before `end`."""
        xs = [start_x]
        for row in range(start + 1, end):
            xs.append(float(self._grid[np.argmin(tables[row] + (self._grid - xs[-1]) ** 2)]))
        return xs

    def _points(self, line: Line, xs: Sequence[float]) -> Floats:
        start, end = self._row_of[line.source], self._row_of[line.target]
        along, depths = self._places.along, self._places.depths
        ys = [
            along[line.source] + depths[line.source] / 2,
            *(y for row in self._rows[start + 1 : end] for y in (row.below, row.above)),
            along[line.target] - depths[line.target] / 2,
        ]
        return np.column_stack([xs, ys])
