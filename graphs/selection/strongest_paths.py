"""The strongest path through every edge: the one whose weakest edge is strongest (the widest path, or bottleneck path).

The graph of a model has no circles, so one pass from the input and one from the logits find the paths of all edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import Wiring
from graphs.selection.layout import Layout, layout_of

# A path is compared by its weakest edge, then by how many edges are new: both in one number. No path is this long.
_LONGEST = 1 << 32
_NO_EDGE = -1


class _From(NamedTuple):
    """The best ways from the input to every writer, or from every writer to the logits; `logits` is the last writer.

    weakest  [writer] rank of the weakest new edge on the way; 0 where nothing is new
    n_new    [writer] how many edges of it are new
    edge     [writer] the edge of the way that touches the writer
    """

    weakest: Numbers
    n_new: Numbers
    edge: Numbers


@dataclass(frozen=True, eq=False)
class EdgePaths:
    """The strongest path from `input` to `logits` through every edge.

    weakest  [edge] rank of the weakest edge of the path that is not free, counted from 1; 0 where all are free, and
             `never` where no path leads through the edge
    n_new    [edge] how many edges of the path are not free
    """

    layout: Layout
    weakest: Numbers
    n_new: Numbers
    never: int
    _upward: Numbers
    _downward: Numbers
    _leading: Numbers

    @property
    def exist(self) -> Bools:
        """[edge] whether any path leads through the edge."""
        return self.weakest < self.never

    def through(self, edge: int) -> list[int]:
        """The edges of the strongest path through an edge."""
        layout, path = self.layout, [edge]
        while writer := int(layout.source[path[-1]]):
            path.append(self.edge_into(writer))
        reader = int(layout.target[edge])
        while (writer := int(self._leading[reader])) != layout.end:
            path.append(int(self._downward[writer]))
            reader = int(layout.target[path[-1]])
        return path

    def edge_into(self, writer: int) -> int:
        """The last edge of the best way from `input` to a writer that has one."""
        return int(self._upward[writer])


def ranks_of(wiring: Wiring, order: Numbers) -> Numbers:
    """[edge] rank of every edge from 1, for an order with the best first; one more than all edges where it has none."""
    ranks = np.full(wiring.n_edges, wiring.n_edges + 1, dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def strongest_paths(wiring: Wiring, ranks: Numbers, free: Bools, *, fewest: bool = False) -> EdgePaths:
    """The strongest path through every edge, where the `free` edges cost nothing.

    ranks   [edge] from `ranks_of`
    free    [edge] edges that any path may use: those of a circuit that is to grow
    fewest  compare paths by how many edges are new, and only then by the weakest

    Among paths of equal worth, the one with fewer new edges, then the earlier in wiring order. 70,000 edges take
    some 10 ms.
    """
    layout, never = layout_of(wiring), wiring.n_edges + 1
    cost, new = np.where(free, 0, ranks), (~free).astype(np.int64)
    upward = _upward(layout, cost, new, never, fewest=fewest)
    downward, leading = _downward(layout, cost, new, never, fewest=fewest)
    source, led_to = layout.source, leading[layout.target]
    weakest = np.maximum(cost, np.maximum(upward.weakest[source], downward.weakest[led_to]))
    n_new = new + upward.n_new[source] + downward.n_new[led_to]
    return EdgePaths(layout, weakest, n_new, never, upward.edge, downward.edge, leading)


def _upward(layout: Layout, cost: Numbers, new: Numbers, never: int, *, fewest: bool) -> _From:
    way = _nowhere(layout, never)
    way.weakest[0] = 0
    for block in layout.blocks[:-1]:
        n_sources = block.shape[1]
        weakest = np.maximum(cost[block.edges].reshape(block.shape), way.weakest[:n_sources])
        n_new = new[block.edges].reshape(block.shape) + way.n_new[:n_sources]
        key = _key(weakest, n_new, never, fewest=fewest)
        best = key.argmin(axis=1)
        reader = _best_of(np.take_along_axis(key, best[:, None], axis=1)[:, 0], block.inputs)
        at = (reader, best[reader])
        way.weakest[block.writers], way.n_new[block.writers] = weakest[at], n_new[at]
        way.edge[block.writers] = block.edges.start + reader * n_sources + best[reader]
    return way


def _downward(layout: Layout, cost: Numbers, new: Numbers, never: int, *, fewest: bool) -> tuple[_From, Numbers]:
    """Also [reader] the writer through which the best way leads on."""
    way = _nowhere(layout, never)
    way.weakest[layout.end] = 0
    keys, leading = _key(way.weakest, way.n_new, never, fewest=fewest), np.empty(len(layout.feeds), dtype=np.int64)
    for block in reversed(layout.blocks):
        n_sources = block.shape[1]
        led_to = leading[block.first : block.first + block.shape[0]] = _best_of(keys, block.feeds)
        weakest = np.maximum(cost[block.edges].reshape(block.shape), way.weakest[led_to, None])
        n_new = new[block.edges].reshape(block.shape) + way.n_new[led_to, None]
        key = _key(weakest, n_new, never, fewest=fewest)
        best = key.argmin(axis=0)
        columns = np.arange(n_sources)
        better = np.flatnonzero(key[best, columns] < keys[:n_sources])
        at = (best[better], better)
        keys[better], way.weakest[better], way.n_new[better] = key[at], weakest[at], n_new[at]
        way.edge[better] = block.edges.start + best[better] * n_sources + better
    return way, leading


def _best_of(keys: Numbers, indices: Numbers) -> Numbers:
    """[row] of `indices` [row, i], the one with the lowest key, the first of equal ones."""
    return indices[np.arange(len(indices)), keys[indices].argmin(axis=1)]


def _key(weakest: Numbers, n_new: Numbers, never: int, *, fewest: bool) -> Numbers:
    """The lower, the better; the same for all that no way reaches."""
    key = n_new * _LONGEST + weakest if fewest else weakest * _LONGEST + n_new
    return np.where(weakest < never, key, np.iinfo(np.int64).max)


def _nowhere(layout: Layout, never: int) -> _From:
    n = layout.end + 1
    return _From(np.full(n, never), np.zeros(n, dtype=np.int64), np.full(n, _NO_EDGE))
