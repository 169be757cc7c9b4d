"""Circuits as masks over edges or over components: pruning, budgets, random circuits, knocking components out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import LOGITS, Wiring

# How many more random orders of all edges are tried where the first one misses the size.
_MORE_ORDERS = 10


class _Reader(NamedTuple):
    """Numbers of the edges into a reader, how many writers it may read, and the writers that its input reaches."""

    edges: slice
    n_sources: int
    ends: slice


def edge_sources(wiring: Wiring) -> Numbers:
    """[edge] number of the writer that each possible edge starts from."""
    return np.concatenate([np.arange(wiring.n_sources(reader)) for reader in range(len(wiring.readers))])


def pruned(wiring: Wiring, circuits: Bools) -> Bools:
    """The circuits [..., edge] without edges on no path from `input` to `logits`: `Wiring.on_a_path` for many at once.

    A head is reached through any of its ports; a key-value head leads on to every head it serves.
    """
    flat = np.atleast_2d(circuits).reshape(-1, wiring.n_edges)
    readers = _readers_in(wiring, flat)
    reached = _reached(wiring, flat, readers)
    leading = np.zeros_like(reached)
    leading[:, -1] = True
    kept = np.zeros_like(flat)
    for edges, n_sources, ends in reversed(readers):
        used = flat[:, edges] & leading[:, ends].any(axis=1, keepdims=True)
        leading[:, :n_sources] |= used
        kept[:, edges] = used & reached[:, :n_sources]
    return kept.reshape(circuits.shape)


def distinct(circuits: Bools) -> tuple[Bools, Numbers]:
    """The different circuits among `circuits` [circuit, part], in ascending order, and the number of each in these.

    As `np.unique` along the first axis, which takes a quarter of a second for any number of circuits of 70,000 edges.
    """
    packed = np.ascontiguousarray(np.packbits(circuits, axis=1))
    # Bytes compare like the bits that they hold, so the order is that of the circuits themselves.
    whole = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, first, number_of = np.unique(whole, return_index=True, return_inverse=True)
    return circuits[first], number_of.reshape(-1)


def without_unreached(wiring: Wiring, circuits: Bools) -> Bools:
    """The circuits [circuit, edge] without edges that start where no path from `input` leads.

    They run like the `pruned` ones. But knocking a component out of a circuit changes no edge into an earlier layer.
    """
    readers = _readers_in(wiring, circuits)
    reached = _reached(wiring, circuits, readers)
    kept = np.zeros_like(circuits)
    for edges, n_sources, _ in readers:
        kept[:, edges] = circuits[:, edges] & reached[:, :n_sources]
    return kept


def _reached(wiring: Wiring, circuits: Bools, readers: Sequence[_Reader]) -> Bools:
    """[circuit, writer] whether a path from `input` leads there; the last column is `logits`."""
    reached = np.zeros((len(circuits), len(wiring.writers) + 1), dtype=np.bool_)
    reached[:, 0] = True
    for edges, n_sources, ends in readers:
        reached[:, ends] |= (circuits[:, edges] & reached[:, :n_sources]).any(axis=1, keepdims=True)
    return reached


def _readers_in(wiring: Wiring, circuits: Bools) -> list[_Reader]:
    """The readers that any of the circuits [circuit, edge] has an edge into, in order: of small ones, a few."""
    has_edges = np.logical_or.reduceat(circuits.any(axis=0), wiring.edge_offsets[:-1])
    return [reader for reader, has in zip(_readers(wiring), has_edges.tolist(), strict=True) if has]


@lru_cache(maxsize=16)
def _readers(wiring: Wiring) -> tuple[_Reader, ...]:
    offsets = wiring.edge_offsets
    return tuple(
        _Reader(slice(offsets[n], offsets[n + 1]), offsets[n + 1] - offsets[n], ends)
        for n, ends in enumerate(writers_fed_by(wiring))
    )


def writers_fed_by(wiring: Wiring) -> list[slice]:
    """For each reader, the writers that its input reaches; `logits` counts as one writer after the last."""
    fed = []
    for reader in wiring.readers:
        if reader.component == LOGITS:
            first, n = len(wiring.writers), 1
        else:
            writers = wiring.writers_fed_by(reader.component)
            first, n = wiring.writer_index(writers[0]), len(writers)
        fed.append(slice(first, first + n))
    return fed


def edges_among(wiring: Wiring, components: Bools) -> Bools:
    """All edges [..., edge] that run between the components [..., writer], `input` and `logits`, without dead ends.

    Their number is the weighted edge count of a circuit that is made of components.
    """
    members = np.atleast_2d(components).reshape(-1, len(wiring.writers)) | (np.arange(len(wiring.writers)) == 0)
    members = np.concatenate([members, np.ones((len(members), 1), dtype=np.bool_)], axis=1)
    reads = np.stack([members[:, ends].any(axis=1) for ends in writers_fed_by(wiring)], axis=1)
    sizes = np.diff(wiring.edge_offsets)
    among = members[:, edge_sources(wiring)] & np.repeat(reads, sizes, axis=1)
    return pruned(wiring, among).reshape(*components.shape[:-1], wiring.n_edges)


def random_circuits(wiring: Wiring, circuit: Bools, *, n: int, seed: int = 0, among: Bools | None = None) -> Bools:
    """[random circuit, edge] circuits with as many edges as `circuit` after dead ends are dropped, or nearly.

    among  [edge] what edges are drawn from; all by default. Where they make no circuit so large, none is drawn.

    For each, all edges are put in a uniformly random order, and as many of the first are kept, dead ends dropped, as
    bring the size closest to that of `circuit`. The size grows with the number kept, so it is found by bisection. As
    one more edge can connect many at once, the size may be missed: then up to ten more orders are tried, and the
    circuit that comes closest is taken.
    """
    return random_circuits_of(wiring, int(np.count_nonzero(pruned(wiring, circuit))), n=n, seed=seed, among=among)


def random_circuits_of(wiring: Wiring, target: int, *, n: int, seed: int = 0, among: Bools | None = None) -> Bools:
    """`random_circuits` with `target` edges after dead ends are dropped, or nearly."""
    if n == 0:
        return np.empty((0, wiring.n_edges), dtype=np.bool_)
    draw = np.random.default_rng(seed)
    usable = np.ones(wiring.n_edges, dtype=np.bool_) if among is None else among
    if np.count_nonzero(pruned(wiring, usable)) < target:
        return np.empty((0, wiring.n_edges), dtype=np.bool_)
    circuits = _first_edges(wiring, draw, target, n, usable)
    for _ in range(_MORE_ORDERS):
        misses = np.abs(circuits.sum(axis=1) - target)
        rows = np.flatnonzero(misses)
        if not len(rows):
            break
        again = _first_edges(wiring, draw, target, len(rows), usable)
        is_nearer = np.abs(again.sum(axis=1) - target) < misses[rows]
        circuits[rows[is_nearer]] = again[is_nearer]
    return circuits


def _first_edges(wiring: Wiring, draw: np.random.Generator, target: int, n: int, usable: Bools) -> Bools:
    """[random circuit, edge] the first usable edges of one random order each, as many as bring the size closest."""
    ranks = np.stack([draw.permutation(wiring.n_edges) for _ in range(n)])
    ranks[:, ~usable] = wiring.n_edges

    def kept(first: Numbers) -> Bools:
        return pruned(wiring, ranks < first[:, None])

    low, high = np.zeros(n, dtype=np.int64), np.full(n, wiring.n_edges)
    while (high - low > 1).any():
        middle = (low + high) // 2
        is_enough = kept(middle).sum(axis=1) >= target
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    fewer, more = kept(low), kept(high)
    is_nearer = target - fewer.sum(axis=1) < more.sum(axis=1) - target
    return np.where(is_nearer[:, None], fewer, more)


def random_component_sets(circuit: Bools, *, n: int, seed: int = 0, among: Bools | None = None) -> Bools:
    """[random circuit, writer] uniformly drawn sets of as many components as `circuit`, and `input` where it has it.

    among  [writer] what components are drawn from; all by default. Where they are fewer, no set is drawn.
    """
    draw, size = np.random.default_rng(seed), int(np.count_nonzero(circuit[1:]))
    usable = np.arange(1, len(circuit)) if among is None else np.flatnonzero(among[1:]) + 1
    sets = np.zeros((n if len(usable) >= size else 0, len(circuit)), dtype=np.bool_)
    sets[:, 0] = circuit[0]
    for row in sets:
        row[usable[draw.choice(len(usable), size=size, replace=False)]] = True
    return sets


@dataclass(frozen=True)
class Parts:
    """What circuits are masks over.

    owners     [part] number of the writer whose output the part carries
    n_writers  how many writers the model has
    """

    owners: Numbers
    n_writers: int

    @classmethod
    def edges(cls, wiring: Wiring) -> Parts:
        """Circuits are sets of edges."""
        return cls(edge_sources(wiring), len(wiring.writers))

    @classmethod
    def components(cls, wiring: Wiring) -> Parts:
        """Circuits are sets of components."""
        return cls(np.arange(len(wiring.writers)), len(wiring.writers))

    @property
    def everything(self) -> Bools:
        """The whole model."""
        return np.ones(len(self.owners), dtype=np.bool_)

    def members(self, circuit: Bools) -> Numbers:
        """Numbers of the heads and MLPs that write into the circuit."""
        writes = np.bincount(self.owners, weights=circuit, minlength=self.n_writers) > 0
        return np.flatnonzero(writes[1:]) + 1

    def as_writers(self, circuits: Bools) -> tuple[Bools, Bools]:
        """[circuit, writer] writers that have all their parts, and [circuit] whether all others have none."""
        _, first = np.unique(self.owners, return_index=True)
        kept = circuits[:, first]
        return kept, (circuits == kept[:, self.owners]).all(axis=1)

    def without(self, circuit: Bools, knocked: Bools) -> Bools:
        """[set, part] the circuit without the parts of the knocked-out writers [set, writer]."""
        return circuit & ~knocked[:, self.owners]


class Endpoints(NamedTuple):
    """Where every possible edge of a wiring starts and ends, as numbers.

    source  [edge] number of the writer in `wiring.writers`
    target  [edge] number of the reader in `wiring.readers`
    """

    source: Numbers
    target: Numbers


def endpoints(wiring: Wiring) -> Endpoints:
    """The writer and the reader of every possible edge, without building a million `Edge` objects."""
    offsets = np.asarray(wiring.edge_offsets, dtype=np.int64)
    target = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return Endpoints(np.arange(offsets[-1]) - offsets[target], target)
