"""What changed from one circuit to another: kept, gained, lost, rescored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import compress, filterfalse
from operator import ne
from typing import NamedTuple

from graphs.circuit_graph import CircuitGraph, require_comparable


class Rescored(NamedTuple):
    """A node or edge in both circuits whose score differs; None on the side where it was not measured."""

    name: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Changes:
    """Names in wiring order. `rescored` is a part of `kept`."""

    kept: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    rescored: tuple[Rescored, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.gained or self.lost or self.rescored)


@dataclass(frozen=True)
class Diff:
    """What changed among the nodes and among the edges.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, diff
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> first, second = (
    ...     CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    ...     for names in (("input->logits",), ("input->m0", "m0->logits"))
    ... )
    >>> changes = diff(first, second)
    >>> changes.is_empty, changes.edges.lost, diff(first, first).is_empty
    (False, ('input->logits',), True)
    """

    nodes: Changes
    edges: Changes

    @property
    def is_empty(self) -> bool:
        """Whether both circuits are the same, scores included."""
        return self.nodes.is_empty and self.edges.is_empty


def diff(before: CircuitGraph, after: CircuitGraph, *, across_models: bool = False) -> Diff:
    """What was kept, gained, lost and rescored from `before` to `after`; empty for a circuit and itself.

    ValueError for circuits of different models (see `require_comparable`).

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, diff
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> def circuit(*names):
    ...     return CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    >>> first = circuit("input->a0.h0<v>", "a0.h0->m1", "m1->logits")
    >>> second = circuit("input->a0.h0<v>", "a0.h0->logits", "input->a1.h1<v>", "a1.h1->logits")
    >>> changes = diff(first, second).nodes
    >>> changes.gained, changes.lost
    (('a1.h1',), ('m1',))
    """
    require_comparable(before, after, across_models=across_models)
    return Diff(
        nodes=_changes({n.name: n.score for n in before.nodes}, {n.name: n.score for n in after.nodes}),
        edges=_changes({e.name: e.score for e in before.edges}, {e.name: e.score for e in after.edges}),
    )


def _changes(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> Changes:
    kept = tuple(filter(after.__contains__, before))
    old, new = (tuple(map(side.__getitem__, kept)) for side in (before, after))
    changed = compress(zip(kept, old, new, strict=True), map(ne, old, new))
    return Changes(
        kept=kept,
        gained=tuple(filterfalse(before.__contains__, after)),
        lost=tuple(filterfalse(after.__contains__, before)),
        # As `Rescored(*each)`, which takes twice as long where large circuits have most edges rescored.
        rescored=tuple(map(partial(tuple.__new__, Rescored), changed)),
    )
