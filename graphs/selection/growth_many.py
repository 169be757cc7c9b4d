"""Circuits grown on many rankings at once, such as those of resampled prompts, the same to the edge as by
`growth.grow`.

A circuit of `n` edges hardly ever needs edges far beyond the `n` best: the strongest path through an edge is found
among the edges that rank no lower than its weakest one. So only the best edges of each ranking are looked at, those of
all rankings side by side. Where they decide everything, the circuit is that of all edges, exactly; the few rankings
where they do not are grown with more edges, and at last one by one with all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Wiring
from graphs.selection.growth import grow
from graphs.selection.layout import Layout, layout_of

# Rank of a path's weakest edge, how many of its edges are new, and an edge, in one number each; no path is the largest.
_BITS = 20
_LOW = (1 << _BITS) - 1
_NO_PATH = np.iinfo(np.int64).max
_FIRST, _MORE = 64, 4  # so many edges beyond twice the size at first; then so many times as many
_AT_ONCE = 1_500_000  # numbers in one array: 12 MB


def grow_many(wiring: Wiring, strength: Floats, usable: Bools, n: int) -> Bools:
    """[ranking, edge] a connected circuit of `n` edges for each ranking, as `grow` makes it.

    strength  [ranking, edge] the higher, the better; ties in wiring order
    usable    [edge] which edges may be used

    1,000 rankings of 70,000 edges, circuits of 30 to 300: 1 to 2 ms each, nearly all of it to rank the edges.
    """
    if wiring.n_edges > _LOW or n == 0:
        return _one_by_one(wiring, strength, usable, n)
    circuits = np.zeros(strength.shape, dtype=np.bool_)
    n_usable, size = int(np.count_nonzero(usable)), 2 * n + _FIRST
    left = np.arange(len(strength))
    if not usable.all():
        strength = np.where(usable, strength, -np.inf)
    while len(left) and size > 0:
        if is_all := size >= n_usable // 2:
            size = n_usable
        # Where the first one needs more edges, the others mostly do as well.
        first = _grow_some(wiring, strength, left[:1], size, n, circuits)
        if is_all or not len(first):
            rows = max(1, _AT_ONCE // wiring.n_edges)
            undecided = [_grow_some(wiring, strength, part, size, n, circuits) for part in _parts(left[1:], rows)]
            left = np.concatenate([first, *undecided])
        size = 0 if is_all else size * _MORE
    circuits[left] = _one_by_one(wiring, strength[left], usable, n)
    return circuits


def _parts(rows: Numbers, at_once: int) -> list[Numbers]:
    return [rows[start : start + at_once] for start in range(0, len(rows), at_once)]


def _one_by_one(wiring: Wiring, strength: Floats, usable: Bools, n: int) -> Bools:
    circuits = np.zeros(strength.shape, dtype=np.bool_)
    for circuit, row in zip(circuits, strength, strict=True):
        order = np.argsort(-row, kind="stable")
        circuit[:] = grow(wiring, order[usable[order]], n)
    return circuits


def _grow_some(wiring: Wiring, strength: Floats, rows: Numbers, size: int, n: int, circuits: Bools) -> Numbers:
    """Grow the circuits of some rankings from their best `size` edges, into `circuits`; the rows left undecided."""
    some = strength[rows]
    # All edges that tie with the last one are taken along, so that the best edges are a beginning of the ranking.
    least = np.partition(some, -size, axis=1)[:, -size]
    edges = np.flatnonzero((some >= least[:, None]).any(axis=0))
    some = some[:, edges]
    order = np.argsort(-some, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(1, len(edges) + 1), order.shape), axis=1)
    is_in = (some >= least[:, None]) & (some > -np.inf)
    graph = _Graph.of(layout_of(wiring), edges)
    is_all = bool((is_in.sum(axis=1) == np.count_nonzero(strength[rows[0]] > -np.inf)).all())
    grown, decided = _grown(graph, np.where(is_in, ranks, _LOW), n, is_all=is_all)
    kept = np.zeros((len(rows), wiring.n_edges), dtype=np.bool_)
    kept[:, edges] = grown
    circuits[rows[decided]] = kept[decided]
    return rows[~decided]


def _grown(graph: _Graph, ranks: Numbers, n: int, *, is_all: bool) -> tuple[Bools, Bools]:
    """[ranking, edge] the circuits, and [ranking] whether these edges decide them.

    ranks   [ranking, edge] from 1; the largest number where an edge is not among the best
    is_all  whether these are all edges that may be used
    """
    circuit, decided = np.zeros(ranks.shape, dtype=np.bool_), np.ones(len(ranks), dtype=np.bool_)
    left = np.full(len(ranks), n)
    while len(rows := np.flatnonzero((left > 0) & decided)):
        paths = _paths(graph, np.where(circuit[rows], 0, ranks[rows]), circuit[rows])
        more = ~circuit[rows] & (paths.weakest < _LOW)
        room = left[rows]
        is_enough = more.sum(axis=1) >= room
        joining = np.zeros_like(more)
        if is_enough.any():
            # All that join with the same edge, group by group, as far as they fit.
            weakest = np.where(more, paths.weakest, _LOW)
            cut = np.sort(weakest, axis=1)[np.arange(len(rows)), np.minimum(room, weakest.shape[1]) - 1]
            fits = more & (weakest <= cut[:, None])
            is_too_many = fits.sum(axis=1) > room
            joining = np.where(is_too_many[:, None], more & (weakest < cut[:, None]), fits) & is_enough[:, None]
        for row in np.flatnonzero(is_enough & ~joining.any(axis=1)).tolist():
            if len(path := _best_path(graph, paths, row, more[row], ranks[rows[row]], int(room[row]))):
                joining[row, path] = True
        is_over = np.zeros(len(rows), dtype=np.bool_)
        if is_all:
            is_over = ~more.any(axis=1)
            joining |= more & ~is_enough[:, None]
        decided[rows] = joining.any(axis=1) | is_over
        circuit[rows] |= joining
        left[rows] = np.where(is_over, 0, n - circuit[rows].sum(axis=1))
    return circuit, decided


def _best_path(graph: _Graph, paths: _Paths, row: int, more: Bools, ranks: Numbers, room: int) -> list[int]:
    """The best path of at most `room` new edges, as in `growth`; empty where these edges hold none."""
    short = np.flatnonzero(more & (paths.n_new[row] <= room))
    if not len(short):
        return []
    edge = int(short[np.lexsort((-ranks[short], paths.weakest[row, short]))[0]])
    path = [edge]
    while writer := int(graph.source[path[-1]]):
        path.append(int(paths.upward[row, writer] & _LOW))
    reader = int(graph.target[edge])
    while (writer := int(paths.leading[row, reader])) != graph.layout.end:
        path.append(int(paths.downward[row, writer] & _LOW))
        reader = int(graph.target[path[-1]])
    return path


class _Part(NamedTuple):
    """The edges of a graph into the readers of one block of the layout.

    edges      of the graph
    readers    [reader with edges] index within the block; `starts` where its edges begin, from the first of the block
    by_source  [edge] order in which the edges of each writer follow each other
    writers    [writer with edges] its number; `firsts` where its edges begin in that order
    """

    edges: slice
    readers: Numbers
    starts: Numbers
    by_source: Numbers
    writers: Numbers
    firsts: Numbers


class _Graph(NamedTuple):
    """Some edges of a wiring, in its order.

    source, target  [edge] numbers of writer and reader
    parts           one for each block of the layout
    """

    layout: Layout
    source: Numbers
    target: Numbers
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, layout: Layout, edges: Numbers) -> _Graph:
        source, target = layout.source[edges], layout.target[edges]
        parts = []
        for block in layout.blocks:
            start, stop = np.searchsorted(edges, (block.edges.start, block.edges.stop))
            readers, starts = np.unique(target[start:stop] - block.first, return_index=True)
            by_source = np.argsort(source[start:stop], kind="stable")
            writers, firsts = np.unique(source[start:stop][by_source], return_index=True)
            parts.append(_Part(slice(int(start), int(stop)), readers, starts, by_source, writers, firsts))
        return cls(layout, source, target, tuple(parts))


class _Paths(NamedTuple):
    """The strongest paths of every ranking.

    weakest, n_new    [ranking, edge] as in `EdgePaths`
    upward, downward  [ranking, writer] the best way from the input, and to the logits: rank of the weakest edge, how
                      many edges are new, and the edge that touches the writer, packed
    leading           [ranking, reader] the writer through which the best way leads on
    """

    weakest: Numbers
    n_new: Numbers
    upward: Numbers
    downward: Numbers
    leading: Numbers


def _paths(graph: _Graph, cost: Numbers, free: Bools) -> _Paths:
    """As `strongest_paths`, ties included: packed numbers compare by rank, then by new edges, then by wiring order."""
    layout, new = graph.layout, (~free).astype(np.int64)
    n_rankings, n_writers = len(cost), layout.end + 1
    upward = np.full((n_rankings, n_writers), _NO_PATH)
    upward[:, 0] = 0
    for block, part in zip(layout.blocks[:-1], graph.parts, strict=False):
        if len(part.readers):
            ways = _ways(upward[:, graph.source[part.edges]], cost, new, part.edges)
            best = np.full((n_rankings, block.shape[0]), _NO_PATH)
            best[:, part.readers] = np.minimum.reduceat(ways, part.starts, axis=1)
            upward[:, block.writers] = best[:, block.inputs].min(axis=2)
    downward = np.full((n_rankings, n_writers), _NO_PATH)
    downward[:, layout.end] = 0
    leading = np.zeros((n_rankings, len(layout.feeds)), dtype=np.int64)
    for block, part in zip(reversed(layout.blocks), reversed(graph.parts), strict=True):
        readers = slice(block.first, block.first + block.shape[0])
        keys = downward[:, block.feeds] >> _BITS
        leading[:, readers] = block.feeds[np.arange(block.shape[0]), keys.argmin(axis=2)]
        if len(part.readers):
            led_to = np.take_along_axis(downward, leading[:, graph.target[part.edges]], axis=1)
            ways = _ways(led_to, cost, new, part.edges)[:, part.by_source]
            best = np.minimum.reduceat(ways, part.firsts, axis=1)
            is_better = (best >> _BITS) < (downward[:, part.writers] >> _BITS)
            downward[:, part.writers] = np.where(is_better, best, downward[:, part.writers])
    up, down = upward[:, graph.source], np.take_along_axis(downward, leading[:, graph.target], axis=1)
    exist = (up != _NO_PATH) & (down != _NO_PATH) & (cost < _LOW)
    weakest = np.maximum(cost, np.maximum(up >> 2 * _BITS, down >> 2 * _BITS))
    n_new = new + (up >> _BITS & _LOW) + (down >> _BITS & _LOW)
    return _Paths(np.where(exist, weakest, _LOW), n_new, upward, downward, leading)


def _ways(on: Numbers, cost: Numbers, new: Numbers, edges: slice) -> Numbers:
    """[ranking, edge] ways that lead through edges, each on the best way at its other end, packed."""
    here = cost[:, edges]
    weakest = np.maximum(here, on >> 2 * _BITS)
    n_new = new[:, edges] + (on >> _BITS & _LOW)
    packed = (weakest << 2 * _BITS) | (n_new << _BITS) | np.arange(edges.start, edges.stop)
    return np.where((on == _NO_PATH) | (here == _LOW), _NO_PATH, packed)
