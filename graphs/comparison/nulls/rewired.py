"""Circuits with the same number of edges out of every part and into every input: degree-preserving rewiring.

Two edges of a circuit swap their targets, again and again, wherever both new edges exist in the model and are not in
the circuit yet. All circuits that swaps can reach are equally likely in the long run.

The chain need not mix for the p-value to be valid (Besag and Clifford 1989): it runs from the circuit back to a hub,
and from the hub as many samples start; seen from the hub, the circuit is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import Wiring
from circuits.masks import endpoints
from graphs.comparison.level import Level
from graphs.comparison.nulls.base import Chance, Null, sampled
from graphs.comparison.nulls.registry import register

_TRIES_PER_EDGE = 10
_MOST_TRIES = 20_000  # a circuit of 8,000 edges moves little then; the p-value stays valid


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.wiring is None or not level.n_a or not level.n_b or not samples:
        return []
    # The smaller one is rewired, so that it makes no difference which circuit is given first.
    drawn, kept = sorted((level.in_a, level.in_b), key=lambda mask: (np.count_nonzero(mask), mask.tobytes()))
    circuits = rewired(level.wiring, drawn, samples, seed)
    n_shared = np.array([np.count_nonzero(kept[circuit]) for circuit in circuits])
    n_both = level.n_a + level.n_b
    iou = n_shared / (n_both - n_shared)
    return [sampled("rewired", "iou", level.n_shared / (n_both - level.n_shared), iou)]


def rewired(wiring: Wiring, circuit: Bools, n: int, seed: int = 0) -> list[Numbers]:
    """`n` circuits, each as the numbers of its edges, with as many edges at every writer and reader as `circuit` has.

    Some ten tries to swap per edge; 200 circuits of 300 edges take 0.2 s.
    """
    draw = np.random.default_rng(seed)
    start = np.flatnonzero(circuit)[None]
    n_tries = min(_MOST_TRIES, _TRIES_PER_EDGE * start.shape[1])
    hub = _Chains.of(wiring, start).swap(draw, n_tries)
    return list(_Chains.of(wiring, np.repeat(hub, n, axis=0)).swap(draw, n_tries))


class _Chains(NamedTuple):
    """Several circuits that change side by side.

    source, target  [chain, edge] of the circuit's edges; present  [chain, edge of the model]
    """

    wiring: Wiring
    source: Numbers
    target: Numbers
    present: Bools

    @classmethod
    def of(cls, wiring: Wiring, edges: Numbers) -> _Chains:
        ends = endpoints(wiring)
        present = np.zeros((len(edges), wiring.n_edges), dtype=np.bool_)
        np.put_along_axis(present, edges, values=True, axis=1)
        return cls(wiring, ends.source[edges], ends.target[edges], present)

    def swap(self, draw: np.random.Generator, n_tries: int) -> Numbers:
        """[chain, edge] the circuits after so many tries to swap the targets of two edges drawn at random."""
        source, target, present = self.source, self.target, self.present
        offsets = np.asarray(self.wiring.edge_offsets)
        n_sources, chains = np.diff(offsets), np.arange(len(source))
        for one, other in draw.integers(source.shape[1], size=(n_tries, 2, len(source))):
            out, to = (source[chains, one], source[chains, other]), (target[chains, one], target[chains, other])
            new = offsets[to[1]] + out[0], offsets[to[0]] + out[1]
            exist = (out[0] < n_sources[to[1]]) & (out[1] < n_sources[to[0]]) & (out[0] != out[1]) & (to[0] != to[1])
            rows = chains[exist]
            free = ~present[rows, new[0][rows]] & ~present[rows, new[1][rows]]
            rows = rows[free]
            present[rows, offsets[to[0][rows]] + out[0][rows]] = False
            present[rows, offsets[to[1][rows]] + out[1][rows]] = False
            present[rows, new[0][rows]] = present[rows, new[1][rows]] = True
            target[rows, one[rows]], target[rows, other[rows]] = to[1][rows], to[0][rows]
        return offsets[target] + source


REWIRED = register(
    Null("rewired", "the same number of edges at every part and input, targets swapped in order (sampled)", _chances)
)
