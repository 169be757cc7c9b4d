"""Where nodes and edges of a layered drawing go. Pure geometry in inches; nothing is drawn here.

Rows run from `input` at the bottom to `logits` at the top: within a layer the key-value heads, the heads, the MLP.
Rows without nodes take no room. In a row, nodes stand near the mean of what they connect to, at least a pitch apart.
`input` and `logits` are bars as wide as the drawing, so that an edge from or to them is a vertical line.

Edges that skip rows are routed around the nodes in between: per reader, a shortest path over a fine grid whose cells
under nodes are closed and whose cells in use by other readers cost extra. Edges into one reader may run together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Floats
from circuits.components import INPUT, LOGITS, Component, Port

PITCH = 0.70  # between the centers of neighbors in a row
NODE_WIDTH, NODE_HEIGHT = 0.50, 0.20
ROW_GAP = 0.52  # between the centers of neighboring rows; up to 1.5 times that where edges are many
MIN_WIDTH = 4.4
PORT_OFFSETS: Mapping[Port | None, float] = {"q": -0.13, "k": 0.0, "v": 0.13, None: 0.0}
_CLEARANCE = 0.045  # between a passing edge and a node
_GRID = 0.05
_SWEEPS = 12
_CROWDING = 0.02  # cost of a grid cell for every other reader already routed through it, in square inches
_CLOSED = 1e6  # cost of a cell under a node: passable only where a row is full


class Link(NamedTuple):
    """An edge to be drawn; `strength` (0 or more) says how much it pulls its ends together."""

    source: Component
    target: Component
    port: Port | None
    strength: float


@dataclass(frozen=True)
class Layout:
    """Coordinates in inches, from the bottom left corner of the drawing.

    centers  component -> center of its box (of its bar, for `input` and `logits`)
    routes   per link, points [point, 2] from the source's box up to the target's
    layers   layer -> (lowest, highest) y of its rows
    """

    width: float
    height: float
    centers: Mapping[Component, tuple[float, float]]
    routes: tuple[Floats, ...]
    layers: Mapping[int, tuple[float, float]]


class Placed(NamedTuple):
    """Where nodes stand: their rows from the bottom, the width of the drawing and the center of every node."""

    rows: list[list[Component]]
    width: float
    centers: dict[Component, tuple[float, float]]


def place(components: Sequence[Component], links: Sequence[Link]) -> Placed:
    """Place components in rows. Deterministic; ties are broken by wiring order."""
    rows = _rows(components)
    width = max(MIN_WIDTH, PITCH * max((len(row) for row in rows), default=1))
    xs = _place_in_rows(rows, links, width)
    row_gap = ROW_GAP * (1 + 0.5 * min(1.0, len(links) / 250))
    heights = [row_gap * number + NODE_HEIGHT / 2 for number in range(len(rows))]
    return Placed(rows, width, {part: (xs[part], y) for row, y in zip(rows, heights, strict=True) for part in row})


def lay_out(components: Sequence[Component], links: Sequence[Link]) -> Layout:
    """Place components in rows and route the links around them."""
    rows, width, centers = place(components, links)
    heights = [centers[row[0]][1] for row in rows]
    layers: dict[int, tuple[float, float]] = {}
    for row, y in zip(rows, heights, strict=True):
        layer = row[0].layer
        if layer is not None:
            layers[layer] = layers.get(layer, (y, y))[0], y
    routes = _Router(rows, centers, width).lead(links)
    height = (heights[-1] if heights else 0.0) + NODE_HEIGHT / 2
    return Layout(width, height, centers, routes, layers)


def _rows(components: Iterable[Component]) -> list[list[Component]]:
    """Components by row, bottom row first, each row by index."""
    by_row: dict[tuple[float, int], list[Component]] = defaultdict(list)
    for part in components:
        by_row[part.row].append(part)
    return [sorted(by_row[key], key=lambda part: part.index or 0) for key in sorted(by_row)]


def _place_in_rows(rows: list[list[Component]], links: Sequence[Link], width: float) -> dict[Component, float]:
    """x of every component: sweeps up and down, each moving a row's nodes toward what they connect to."""
    xs = {part: width / 2 + PITCH * (index - (len(row) - 1) / 2) for row in rows for index, part in enumerate(row)}
    bars = {INPUT, LOGITS}
    pulls: dict[Component, list[tuple[Component, float]]] = defaultdict(list)
    strongest = max((link.strength for link in links), default=0.0) or 1.0
    for link in links:
        if not bars & {link.source, link.target}:
            pull = 0.1 + link.strength / strongest
            pulls[link.source].append((link.target, pull))
            pulls[link.target].append((link.source, pull))

    def wanted(part: Component) -> float:
        toward = [(xs[other], pull) for other, pull in pulls[part]] + [(width / 2, 0.1)]
        return sum(x * pull for x, pull in toward) / sum(pull for _, pull in toward)

    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            if row[0] not in bars:
                xs.update(_spread({part: wanted(part) for part in row}, width))
    free = [x for part, x in xs.items() if part not in bars]
    off_center = (min(free) + max(free) - width) / 2 if free else 0.0
    return {part: x if part in bars else x - off_center for part, x in xs.items()}


def _spread(wanted: Mapping[Component, float], width: float) -> dict[Component, float]:
    """The x closest to the wanted ones (least squares) that are at least a pitch apart and inside the drawing."""
    from scipy.optimize import isotonic_regression

    row = sorted(wanted, key=lambda part: wanted[part])
    steps = PITCH * np.arange(len(row))
    fitted = isotonic_regression(np.array([wanted[part] for part in row]) - steps).x
    inside = np.clip(fitted, PITCH / 2, width - PITCH / 2 - steps[-1])
    return {part: float(x) for part, x in zip(row, inside + steps, strict=True)}


class _Router:
    """Routes edges around nodes. Keeps track of which grid cells are in use, so that readers get their own lanes."""

    def __init__(
        self, rows: list[list[Component]], centers: Mapping[Component, tuple[float, float]], width: float
    ) -> None:
        self._centers = centers
        self._row_of = {part: number for number, row in enumerate(rows) for part in row}
        self._heights = [centers[row[0]][1] for row in rows]
        self._grid = np.arange(_GRID, width, _GRID)
        self._cost = np.zeros((len(rows), len(self._grid)))
        for part, (x, _) in centers.items():
            if part not in (INPUT, LOGITS):
                under = np.abs(self._grid - x) < NODE_WIDTH / 2 + _CLEARANCE
                self._cost[self._row_of[part], under] = _CLOSED
        # a sideways move costs its squared length: straight slants are preferred to sharp turns
        self._moves = (self._grid[:, None] - self._grid[None, :]) ** 2

    def lead(self, links: Sequence[Link]) -> tuple[Floats, ...]:
        """Points of every link, in the order given. Readers are routed strongest first."""
        by_reader: dict[tuple[Component, Port | None], list[int]] = defaultdict(list)
        for number, link in enumerate(links):
            by_reader[link.target, link.port].append(number)
        routes: dict[int, Floats] = {}
        readers = sorted(by_reader, key=lambda reader: -max(links[number].strength for number in by_reader[reader]))
        for reader in readers:
            numbers = by_reader[reader]
            if reader[0] == LOGITS:
                routes.update({number: self._to_logits(links[number]) for number in numbers})
                continue
            routes.update(self._to_reader(reader, {number: links[number].source for number in numbers}))
        return tuple(routes[number] for number in range(len(links)))

    def _to_logits(self, link: Link) -> Floats:
        """Up from the source, ending wherever along the bar is nearest."""
        start, last = self._row_of[link.source], self._row_of[LOGITS]
        if link.source == INPUT:
            best = np.argmin(self._cost[1:last].sum(axis=0) + 1e-6 * self._grid)
            xs = [float(self._grid[best])] * (last - start + 1)
        else:
            tables = self._tables(last, None, start)
            xs = self._follow(tables, start, last, self._centers[link.source][0])
            xs.append(xs[-1])
        self._occupy({(row, x) for row, x in zip(range(start + 1, last), xs[1:], strict=False)})
        return self._points(start, last, xs)

    def _to_reader(self, reader: tuple[Component, Port | None], sources: Mapping[int, Component]) -> dict[int, Floats]:
        target, port = reader
        end, end_x = self._row_of[target], self._centers[target][0] + PORT_OFFSETS[port]
        tables = self._tables(end, end_x, min(self._row_of[source] for source in sources.values()))
        used: set[tuple[int, float]] = set()
        routes: dict[int, Floats] = {}
        for number, source in sources.items():
            start = self._row_of[source]
            if source == INPUT:
                first = float(self._grid[np.argmin(tables[start + 1])]) if end - start > 1 else end_x
                xs = [first, *self._follow(tables, start + 1, end, first)] if end - start > 1 else [first]
            else:
                xs = self._follow(tables, start, end, self._centers[source][0])
            xs.append(end_x)
            used.update(zip(range(start + 1, end), xs[1:], strict=False))
            routes[number] = self._points(start, end, xs)
        self._occupy(used)
        return routes

    def _tables(self, end: int, end_x: float | None, lowest: int) -> dict[int, Floats]:
        """Per row, cost [grid cell] of the cheapest way from that cell up to row `end` at `end_x` (None: anywhere)."""
        tables: dict[int, Floats] = {}
        onwards = np.zeros(len(self._grid)) if end_x is None else (self._grid - end_x) ** 2
        for row in range(end - 1, lowest, -1):
            tables[row] = self._cost[row] + onwards
            onwards = (self._moves + tables[row][None, :]).min(axis=1)
        return tables

    def _follow(self, tables: Mapping[int, Floats], start: int, end: int, start_x: float) -> list[float]:
        """x at row `start` and at every row passed before `end`."""
        xs = [start_x]
        for row in range(start + 1, end):
            xs.append(float(self._grid[np.argmin(tables[row] + (self._grid - xs[-1]) ** 2)]))
        return xs

    def _occupy(self, used: set[tuple[int, float]]) -> None:
        for row, x in used:
            self._cost[row, np.abs(self._grid - x) < 0.75 * _GRID] += _CROWDING

    def _points(self, start: int, end: int, xs: Sequence[float]) -> NDArray[np.float64]:
        between = [self._heights[row] for row in range(start + 1, end)]
        ys = [self._heights[start] + NODE_HEIGHT / 2, *between, self._heights[end] - NODE_HEIGHT / 2]
        return np.column_stack([xs, ys])
