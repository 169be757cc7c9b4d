"""Backward elimination by bisection: which edges a circuit can do without, found in few circuit runs.

Blocks of the weakest edges are dropped together. A block that cannot go is halved until its first edge that cannot go
alone stands out; that one stays, and the search goes on behind it with blocks as long as the run of edges that went
before it. Where k of n edges stay, this takes about k log2(n / k) + k runs. What falls off all paths goes for free.

Sources: delta debugging (Zeller and Hildebrandt 2002); binary splitting of group tests (Hwang 1972).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import Wiring
from circuits.masks import pruned


class TooManyStayError(Exception):
    """More edges had to stay than were allowed to."""


Accepts = Callable[[Bools], Bools]
"""From circuits [circuit, edge] to whether each is within the bound [circuit]."""

# Entries of the masks built at once: 100 MB.
_MASK_ENTRIES = 100_000_000


def smaller_circuits(wiring: Wiring, circuit: Bools, order: Numbers, accepts: Accepts) -> Iterator[Bools]:
    """Every circuit on the way from `circuit` to one of which no single edge can go, each within the last.

    circuit  [edge] a circuit within the bound, without dead ends
    order    numbers of all edges, weakest first

    An edge that could not go from a larger circuit may well go from a smaller one, so in the end the edges that are
    left are tried one by one, and those that can go are tried together, until none can.
    """
    smallest, left = circuit, order[circuit[order]]
    size = max(1, len(left) // 2)
    while len(left):
        for smaller in without_blocks(wiring, smallest, left, accepts, size=size):
            smallest = smaller
            yield smallest
        ones = order[smallest[order]]
        left = ones[can_go(smallest, ones, accepts)]
        size = len(left)


def without_blocks(
    wiring: Wiring, circuit: Bools, edges: Numbers, accepts: Accepts, *, size: int, max_kept: float = math.inf
) -> Iterator[Bools]:
    """Every circuit on the way from `circuit` to one without those of `edges` that could go in their order.

    size      how many are tried together at first
    max_kept  how many of them may have to stay before a TooManyStayError
    """
    left, n_kept = edges, 0
    while len(left := left[circuit[left]]):
        block, left = left[:size], left[size:]
        smaller = _without(wiring, circuit, block)
        if accepts(smaller[None])[0]:
            circuit, size = smaller, 2 * len(block)
            yield circuit
            continue
        n_gone = 0
        while len(block) > 1:
            middle = len(block) // 2
            smaller = _without(wiring, circuit, block[:middle])
            if accepts(smaller[None])[0]:
                # The rest alone cannot go: without it this is the circuit that was refused.
                circuit, n_gone, block = smaller, n_gone + middle, block[middle:][smaller[block[middle:]]]
                yield circuit
            else:
                block, left = block[:middle], np.concatenate([block[middle:], left])
        size, n_kept = max(1, n_gone), n_kept + 1
        if n_kept > max_kept:
            raise TooManyStayError


def can_go(circuit: Bools, edges: Numbers, accepts: Accepts) -> Bools:
    """Whether the circuit is within the bound without each of some edges alone [edge]."""
    verdicts = [accepts(circuits) for circuits in each_without_one(circuit, edges)]
    return np.concatenate(verdicts) if verdicts else np.zeros(0, dtype=np.bool_)


def each_without_one(circuit: Bools, edges: Numbers) -> Iterator[Bools]:
    """The circuit without each of some edges alone, several at a time [circuit, edge]."""
    at_once = max(1, _MASK_ENTRIES // len(circuit))
    for first in range(0, len(edges), at_once):
        chosen = edges[first : first + at_once]
        circuits = np.repeat(circuit[None], len(chosen), axis=0)
        circuits[np.arange(len(chosen)), chosen] = False
        yield circuits


def _without(wiring: Wiring, circuit: Bools, edges: Numbers) -> Bools:
    """The circuit without some edges, and without what falls off all paths then."""
    smaller = circuit.copy()
    smaller[edges] = False
    return pruned(wiring, smaller)
