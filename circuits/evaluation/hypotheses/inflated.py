"""Circuits with something added that has nothing to do with them."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools
from circuits.components import Wiring
from circuits.masks import writers_fed_by

_TRIES = 200


def inflated_circuits(wiring: Wiring, circuit: Bools, *, n: int, seed: int = 0) -> Bools:
    """[draw, 2, part] the circuit with a random path from input to logits; and that without one of the parts that the
    path has brought, drawn at random. Of circuits of components, a single component that was not in it.

    Fewer than n, or none, where 200 paths in a row bring nothing new: the circuit is nearly the whole model.
    """
    draw = np.random.default_rng(seed)
    made: list[Bools] = []
    tries = 0
    while len(made) < n and tries < _TRIES:
        added = _path(wiring, draw) if len(circuit) == wiring.n_edges else _component(circuit, draw)
        new = added & ~circuit
        tries = 0 if new.any() else tries + 1
        if not new.any():
            continue
        larger = circuit | added
        smaller = larger.copy()
        smaller[draw.choice(np.flatnonzero(new))] = False
        made.append(np.stack([larger, smaller]))
    return np.stack(made) if made else np.empty((0, 2, len(circuit)), dtype=np.bool_)


def _path(wiring: Wiring, draw: np.random.Generator) -> Bools:
    """[edge] a path drawn backward from the logits: at each reader one of its sources, until that is the input."""
    offsets, fed = wiring.edge_offsets, writers_fed_by(wiring)
    readers_of: dict[int, list[int]] = {}
    for reader, writers in enumerate(fed):
        for writer in range(writers.start, writers.stop):
            readers_of.setdefault(writer, []).append(reader)
    path, reader = np.zeros(wiring.n_edges, dtype=np.bool_), len(offsets) - 2
    while True:
        source = int(draw.integers(offsets[reader + 1] - offsets[reader]))
        path[offsets[reader] + source] = True
        if source == 0:
            return path
        reader = int(draw.choice(readers_of[source]))


def _component(circuit: Bools, draw: np.random.Generator) -> Bools:
    """[writer] a component that is not in the circuit; none where all are."""
    added = np.zeros_like(circuit)
    outside = np.flatnonzero(~circuit[1:]) + 1
    if len(outside):
        added[draw.choice(outside)] = True
    return added
