"""At what level two circuits are compared: heads, nodes, edges, or the heads of one stage of path patching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.cached import cached_property
from circuits.components import INPUT, LOGITS, Component, Wiring
from graphs.comparison.null import OverlapDistribution, drawn_within

# What nodes are called where they are counted.
_NOUNS = {"head": "head", "kv": "key-value head", "attention": "attention output", "mlp": "MLP"}


class Signed(NamedTuple):
    """Signed scores of the same things on both sides, of which `measured` were scored on both.

    a, b      [thing] in the units of each metric; 0 where not measured
    measured  [thing]
    are       what the numbers are, in words, for each side
    """

    a: Floats
    b: Floats
    measured: Bools
    are: tuple[str, str]


def level_in_words(name: str, *, joins_heads: bool = False) -> str:
    """What a level is called for people; `joins_heads` where a layer's heads are one part.

    >>> from graphs.comparison.level import level_in_words
    >>> level_in_words("edges"), level_in_words("nodes"), level_in_words("heads", joins_heads=True)
    ('edges', 'heads and MLPs', 'attention')
    """
    heads = "attention" if joins_heads else "heads"
    return {"heads": heads, "nodes": f"{heads} and MLPs"}.get(name, name)


def nodes_in_words(components: Iterable[Component]) -> str:
    """How many nodes there are of which kind: `8 heads, 2 key-value heads, 1 MLP, input and logits`.

    Nodes are all that edges join, so these are counted wherever nodes are; what counts heads and MLPs alone says that.
    """
    counts = Counter(component.kind for component in components)
    told = [f"{n:,} {noun}{'' if n == 1 else 's'}" for kind, noun in _NOUNS.items() if (n := counts[kind])]
    ends = [end.kind for end in (INPUT, LOGITS) if counts[end.kind]]
    return ", ".join([*told, " and ".join(ends)] if ends else told)


@dataclass(frozen=True, eq=False)
class Level:
    """Two sets of the same things.

    name        `heads`, `nodes`, `edges`, or `stage NAME`
    in_a, in_b  [thing] what each circuit has
    layers      [thing] number of its stratum: kind and layer; of an edge, the two layers that it joins
    ports       [edge] number of the kind and layer of its source and of the kind, port and layer of its target
    wiring      whose edges the things are; None where they are no edges
    scores      signed scores, where both circuits came from some
    others      [run, thing] what the circuits of other runs have, where some are given
    name_of     number of a thing -> its name
    """

    name: str
    in_a: Bools
    in_b: Bools
    layers: Numbers
    name_of: Callable[[int], str]
    ports: Numbers | None = None
    wiring: Wiring | None = None
    scores: Signed | None = None
    others: Bools | None = None

    @property
    def size(self) -> int:
        return len(self.in_a)

    @cached_property
    def n_a(self) -> int:
        return int(np.count_nonzero(self.in_a))

    @cached_property
    def n_b(self) -> int:
        return int(np.count_nonzero(self.in_b))

    @cached_property
    def n_shared(self) -> int:
        return int(np.count_nonzero(self.in_a & self.in_b))

    @property
    def strata(self) -> Numbers:
        """[thing] the strata of the null that leads: layers, and of edges ports too."""
        return self.layers if self.ports is None else self.ports

    @cached_property
    def by_chance(self) -> OverlapDistribution:
        """How many would be shared under the null that leads."""
        return drawn_within(self.strata, self.in_a, self.in_b)

    def names(self, things: Bools) -> tuple[str, ...]:
        """The names of some things [thing]."""
        return tuple(self.name_of(int(number)) for number in np.flatnonzero(things))
