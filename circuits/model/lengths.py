"""Which prompts of different lengths to run together: filling short ones up costs tokens, and so does each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

# A pass takes the time of about this many tokens more, whatever the size of the batch: measured on one CPU thread, 54
# on the bundled model and 27 on SmolLM2-135M.
TOKENS_PER_PASS = 32
# Recording the prompts, clean and ablated, which circuits run beside, in forward passes.
RECORDING = 2.0
# Passes from where clean and corrupt begin to differ, for one over the whole prompt: the corrupt run, and at least a
# forward and a backward pass, or patched ones.
_LATER_PASSES = 3


class Extent(NamedTuple):
    """Where a run ends, and where clean and corrupt begin to differ, so that patched ones start there."""

    length: int
    start: int


class _Partition(NamedTuple):
    cost: int
    groups: list[list[Extent]]


def cheapest_groups(sizes: Mapping[Extent, int], at_once: int) -> list[list[Extent]]:
    """Extents in groups, such that running each group from its first start to its longest length costs least in all.

    sizes    extent -> how many sequences have it
    at_once  how many sequences a batch holds at most
    Exact among the groups that are neighbors by length or, if that costs less, by start: by dynamic programming over
    the last group, quadratic in the number of different extents.
    """
    by_length = sorted(sizes)
    by_start = sorted(sizes, key=lambda extent: (extent.start, extent.length))
    return min((_partition(order, sizes, at_once) for order in (by_length, by_start)), key=lambda one: one.cost).groups


@lru_cache(maxsize=1024)
def tokens_run(extents: tuple[Extent, ...], at_once: int) -> int:
    """Tokens that are run of sequences: those that come together, from the earliest start to the longest length.

    >>> from circuits.model.lengths import Extent, tokens_run
    >>> tokens_run((Extent(12, 4), Extent(12, 6), Extent(30, 6)), 64)
    40
    """
    sizes = Counter(extents)
    return sum(
        sum(sizes[extent] for extent in group)
        * (max(extent.length for extent in group) - min(extent.start for extent in group))
        for group in cheapest_groups(sizes, at_once)
    )


def cost_of(group: Sequence[Extent], sizes: Mapping[Extent, int], at_once: int) -> int:
    """What a group costs, in tokens that pass through the model."""
    n_sequences = sum(sizes[extent] for extent in group)
    length, start = max(extent.length for extent in group), min(extent.start for extent in group)
    return _cost(n_sequences, length, start, at_once)


def _cost(n_sequences: int, length: int, start: int, at_once: int) -> int:
    n_batches = -(-n_sequences // at_once)
    passes = (1 + _LATER_PASSES) * n_batches * TOKENS_PER_PASS
    return n_sequences * (length + _LATER_PASSES * (length - start)) + passes


def _partition(order: Sequence[Extent], sizes: Mapping[Extent, int], at_once: int) -> _Partition:
    """The cheapest way to cut extents, in this order, into groups."""
    best, firsts = [0], [0]
    for stop in range(1, len(order) + 1):
        n_sequences, length, start = 0, 0, order[stop - 1].start
        costs = {}
        for first in reversed(range(stop)):
            n_sequences += sizes[order[first]]
            length, start = max(length, order[first].length), min(start, order[first].start)
            costs[first] = best[first] + _cost(n_sequences, length, start, at_once)
        firsts.append(min(costs, key=lambda first: (costs[first], first)))
        best.append(costs[firsts[-1]])
    groups, stop = [], len(order)
    while stop:
        groups.append(list(order[firsts[stop] : stop]))
        stop = firsts[stop]
    return _Partition(best[-1], groups[::-1])


def same_rotations_up_to(config: Any) -> float:
    """Up to how many tokens the rotary embeddings of a position do not depend on how many follow.

    Dynamic and long ones turn otherwise in texts longer than those of the training. All others: any number.
    """
    text = getattr(config, "text_config", None) or config
    parameters = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    each = [parameters, *(entry for entry in parameters.values() if isinstance(entry, dict))]
    changing = [entry for entry in each if entry.get("rope_type") in ("dynamic", "longrope")]
    limits = [entry.get("original_max_position_embeddings") or text.max_position_embeddings for entry in changing]
    return min(limits, default=float("inf"))
