"""The smallest size at which a growing circuit is faithful, found in few circuit runs.

Sizes are doubled until one is faithful, and the interval between the last that was not and the first that was is
halved. Faithfulness need not grow with size (negative edges take some away, and parts work only together), so what is
found is the end of a search: the size just below it was tried and is not faithful, a few above it are tried to see
whether it stays so, and all that was tried is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# What is expected of a search before it runs: about how many circuits it tries for one size in one ranking, and how
# many forward passes of the same prompts a circuit takes, as counted on two models (tests/benchmarks/results.md).
RUNS_PER_SEARCH, PASSES_PER_RUN = 12, 0.5
# Where one is expected to end, of the orders of magnitude that are open; and the size that it is likely to reach where
# that is in the lower half of them.
_SHARE_OF_WAY, _USUAL = 1 / 3, 40


@dataclass(frozen=True)
class SizeSearch:
    """What a search has tried.

    bound  the least faithfulness asked for
    size   the smallest size that was found to reach it; None where no size tried does
    tried  size -> faithfulness, in order of size
    """

    bound: float
    size: int | None
    tried: Mapping[int, float]

    @property
    def best(self) -> int:
        """The size found, else the one whose faithfulness is closest to 1, the smaller of two."""
        return min(self.tried, key=lambda size: (abs(1 - self.tried[size]), size)) if self.size is None else self.size


_BEYOND = (1.25, 2, 4)  # shares of the size found, at which it is tried whether the circuit stays faithful


def expected_sizes(
    largest: int,
    *,
    smallest: int = 1,
    known: Mapping[int, float] | None = None,
    bound: float = 1.0,
    is_found: bool = True,
) -> list[int]:
    """The sizes that a search is expected to try yet, by what it has tried: those of one that ends at `expected_end`.

    known     size -> faithfulness, of those that it has tried
    is_found  whether a size that does is expected at all

    >>> from circuits.evaluation.sizes import expected_sizes
    >>> expected_sizes(400)
    [1, 2, 4, 8, 16, 18, 19, 20, 24, 25, 32, 40, 80]
    >>> expected_sizes(19, is_found=False)
    [1, 2, 4, 8, 16, 19]
    >>> expected_sizes(400, known={1: 0.2, 2: 0.5, 4: 1.1})
    [3, 6, 12]
    """
    known = {} if known is None else known
    ends = expected_end(largest, smallest=smallest, known=known, bound=bound)
    is_found |= any(value >= bound for value in known.values())

    def expected(size: int) -> float:
        return known.get(size, math.inf if is_found and size >= ends else -math.inf)

    tried = search_sizes(expected, largest, bound=bound, smallest=smallest).tried
    return [size for size in tried if size not in known]


def expected_end(
    largest: int, *, smallest: int = 1, known: Mapping[int, float] | None = None, bound: float = 1.0
) -> int:
    """The size that a search is expected to find: a third of the way, in orders of magnitude, from the largest that is
    known to be too small to the smallest that does, or a few dozen, where that is less than half of the way. Circuits
    grow little with the model: of eight on SmolLM2-135M, seven had 12 to 61 of 70,651 edges, and one 164; of twelve on
    the bundled models, ten had 17 to 61 of 479 and 1,519, and two 220 and 736.

    >>> from circuits.evaluation.sizes import expected_end
    >>> expected_end(400), expected_end(400, known={1: 0.2, 2: 0.5, 4: 0.7}), expected_end(400, known={4: 0.7, 8: 1.0})
    (20, 40, 6)
    """
    known = {} if known is None else known
    does = min((size for size, value in known.items() if value >= bound), default=largest)
    too_small = max((size for size in known if size < does), default=smallest)
    a_third = round(too_small ** (1 - _SHARE_OF_WAY) * does**_SHARE_OF_WAY)
    return max(a_third, min(_USUAL, half_way(does, smallest=too_small)))


def half_way(largest: int, *, smallest: int = 1) -> int:
    """The size between two that is as many times as large as the one as the other is as large as it.

    >>> from circuits.evaluation.sizes import half_way
    >>> half_way(400), half_way(400, smallest=4)
    (20, 40)
    """
    return round(math.sqrt(smallest * largest))


def search_sizes(
    faithfulness: Callable[[int], float],
    largest: int,
    *,
    bound: float,
    smallest: int = 1,
    precision: float = 0.02,
) -> SizeSearch:
    """Search the sizes `smallest` to `largest` for the smallest with a faithfulness of at least `bound`.

    faithfulness  of the circuit of a size; called once per size tried, about log2(largest / smallest) + 9 times at most
    precision     how far above the smallest the result may be, as a share; sizes are exact below 1 / precision
    """
    if not 1 <= smallest <= largest:
        raise ValueError(f"sizes from {smallest} to {largest} are asked for: give 1 <= smallest <= largest.")
    tried: dict[int, float] = {}

    def reaches(size: int) -> bool:
        if size not in tried:
            tried[size] = faithfulness(size)
        return tried[size] >= bound

    below, size = smallest - 1, smallest
    while not reaches(size) and size < largest:
        below, size = size, min(2 * size, largest)
    if not reaches(size):
        return SizeSearch(bound, None, dict(sorted(tried.items())))
    while size - below > max(1, int(precision * below)):
        middle = (size + below) // 2
        below, size = (below, middle) if reaches(middle) else (middle, size)
    for share in _BEYOND:
        reaches(min(int(share * size), largest))
    return SizeSearch(bound, size, dict(sorted(tried.items())))
