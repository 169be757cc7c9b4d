"""How lines lead from box to box: around the boxes of the rows that they pass.

Per reader, a shortest path over a fine grid across every row, whose cells under boxes are closed and whose cells in use
by other readers cost extra, so that readers get their own lanes. Lines into one reader may run together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from circuits.arrays import Floats
from circuits.kinds import Port
from graphs.figures.layered.places import Places
from graphs.figures.layered.scene import Box, Line, Scene

_CLEARANCE = 0.03  # inches between a passing line and a box
_GRID = 0.04
_CROWDING = 0.02  # cost of a grid cell for every other reader already led through it, in square inches
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
    """The points [point, (across, along)] of every line, from the side of its source to that of its target."""
    return _Router(scene, places).lead()


class _Router:
    def __init__(self, scene: Scene, places: Places) -> None:
        self._scene, self._places = scene, places
        self._row_of = {name: number for number, row in enumerate(places.rows) for name in row}
        self._middles = [places.along[row[0]] for row in places.rows]
        self._grid = np.arange(_GRID / 2, places.across, _GRID)
        self._cost = np.zeros((len(places.rows), len(self._grid)))
        for name, (low, high) in places.spans.items():
            if not scene.boxes[name].is_bar:
                under = (self._grid > low - _CLEARANCE) & (self._grid < high + _CLEARANCE)
                self._cost[self._row_of[name], under] = _CLOSED
        # a move across costs its squared length: straight slants are preferred to sharp turns
        self._moves = (self._grid[:, None] - self._grid[None, :]) ** 2

    def lead(self) -> list[Floats]:
        """Points of every line, in the order of the scene. Readers are led to strongest first."""
        lines = self._scene.lines
        sizes = self._scene.sizes
        by_reader: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            by_reader[line.target, line.port].append(number)
        routes: dict[int, Floats] = {}
        for numbers in sorted(by_reader.values(), key=lambda numbers: -max(sizes[number] for number in numbers)):
            if self._scene.boxes[lines[numbers[0]].target].is_bar:
                routes.update({number: self._to_bar(lines[number]) for number in numbers})
            else:
                routes.update(self._to_reader([(number, lines[number]) for number in numbers]))
        return [routes[number] for number in range(len(lines))]

    def _to_bar(self, line: Line) -> Floats:
        """On from the source, ending wherever along the bar is nearest."""
        start, last = self._row_of[line.source], self._row_of[line.target]
        if self._scene.boxes[line.source].is_bar:
            best = np.argmin(self._cost[1:last].sum(axis=0) + 1e-6 * self._grid)
            xs = [float(self._grid[best])] * (last - start + 1)
        else:
            xs = self._follow(self._tables(last, None, start), start, last, self._places.middle(line.source))
            xs.append(xs[-1])
        self._occupy({(row, x) for row, x in zip(range(start + 1, last), xs[1:], strict=False)})
        return self._points(line, xs)

    def _to_reader(self, lines: Sequence[tuple[int, Line]]) -> dict[int, Floats]:
        target, port = lines[0][1].target, lines[0][1].port
        end, end_x = self._row_of[target], port_place(self._scene.boxes[target], self._places.spans[target], port)
        tables = self._tables(end, end_x, min(self._row_of[line.source] for _, line in lines))
        used: set[tuple[int, float]] = set()
        routes: dict[int, Floats] = {}
        for number, line in lines:
            start = self._row_of[line.source]
            if not self._scene.boxes[line.source].is_bar:
                xs = self._follow(tables, start, end, self._places.middle(line.source))
            elif end - start > 1:
                first = float(self._grid[np.argmin(tables[start + 1])])
                xs = [first, *self._follow(tables, start + 1, end, first)]
            else:
                xs = [end_x]
            xs.append(end_x)
            used.update(zip(range(start + 1, end), xs[1:], strict=False))
            routes[number] = self._points(line, xs)
        self._occupy(used)
        return routes

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

    def _occupy(self, used: set[tuple[int, float]]) -> None:
        for row, x in used:
            self._cost[row, np.abs(self._grid - x) < 0.75 * _GRID] += _CROWDING

    def _points(self, line: Line, xs: Sequence[float]) -> Floats:
        start, end = self._row_of[line.source], self._row_of[line.target]
        along, depths = self._places.along, self._places.depths
        ys = [
            along[line.source] + depths[line.source] / 2,
            *self._middles[start + 1 : end],
            along[line.target] - depths[line.target] / 2,
        ]
        return np.column_stack([xs, ys])
