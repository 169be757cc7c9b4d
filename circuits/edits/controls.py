"""Other heads to edit in place of the chosen ones: as many of each layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from circuits.components import Component, Wiring

# Beyond this many sets they are drawn, not listed.
_MOST_LISTED = 10_000


def matched_sets(wiring: Wiring, heads: Sequence[str], *, n: int, seed: int) -> list[tuple[str, ...]]:
    """At most `n` different sets with as many heads of each layer as `heads`, none of which is one of those.

    Where fewer such sets exist, all of them; none where a layer has too few other heads.
    """
    per_layer = Counter(layer for layer, _ in map(_place, heads))
    taken = {_place(name) for name in heads}
    others = {layer: [h for h in range(wiring.n_heads) if (layer, h) not in taken] for layer in sorted(per_layer)}
    n_sets = math.prod(math.comb(len(free), per_layer[layer]) for layer, free in others.items())
    draw = np.random.default_rng(seed)
    # More than half of all sets would be drawn again and again.
    if n_sets <= max(_MOST_LISTED, 2 * n):
        ways = [list(combinations(free, per_layer[layer])) for layer, free in others.items()]
        every = [_named(dict(zip(others, chosen, strict=True))) for chosen in product(*ways)]
        if len(every) <= n:
            return every
        return [every[number] for number in sorted(draw.choice(len(every), size=n, replace=False))]
    drawn: dict[tuple[str, ...], None] = {}
    while len(drawn) < n:
        chosen = {
            layer: tuple(sorted(int(h) for h in draw.choice(free, size=per_layer[layer], replace=False)))
            for layer, free in others.items()
        }
        drawn[_named(chosen)] = None
    return list(drawn)


def _place(name: str) -> tuple[int, int]:
    head = Component.parse(name)
    assert head.layer is not None
    assert head.index is not None
    return head.layer, head.index


def _named(chosen: dict[int, tuple[int, ...]]) -> tuple[str, ...]:
    return tuple(f"a{layer}.h{head}" for layer, heads in chosen.items() for head in heads)
