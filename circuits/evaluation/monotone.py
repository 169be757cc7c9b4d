"""Where faithfulness falls as circuits grow, beyond its uncertainty.

Larger circuits need not be more faithful: edges that work against the behavior join late, and parts work only together.
Measured on a few prompts, any curve goes up and down. Two circuits run on the same prompts, and most of what makes
prompts differ moves both: so a fall is judged by the interval of their difference, prompt by prompt, not by whether
their own intervals overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.evaluation.faithfulness import Baseline
from circuits.intervals import Estimate, ratio_t_interval

_ROUNDING = 1e-4  # of the gap: runs of one circuit in batches of other sizes differ by less


class Fall(NamedTuple):
    """Two sizes of which the larger circuit is less faithful.

    change  of faithfulness from the smaller to the larger, below 0, with its interval among those of all pairs of sizes
    """

    smaller: int
    larger: int
    change: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "smaller": self.smaller,
            "larger": self.larger,
            "change": self.change.value,
            "interval": self.change.interval.as_json(),
        }


def falls(sizes: Sequence[int], values: Floats, baseline: Baseline, *, level: float = 0.95) -> list[Fall]:
    """The deepest fall to each size that faithfulness falls to, in order of size; none where it may be monotone.

    sizes   [size] of circuits, ascending; equal ones are of one circuit
    values  [size, prompt] their metric, on the same prompts as the baseline
    level   of all intervals together (Bonferroni, over all pairs of sizes): with this probability at least, a curve
            that does not fall is not said to

    ValueError where there are not as many sizes as values. No fall is known where the gap between clean and ablated
    may be 0.
    """
    if len(sizes) != len(values):
        raise ValueError(f"{len(sizes)} sizes and values of {len(values)} circuits: give one size for each circuit.")
    sizes, first = (each.tolist() for each in np.unique(sizes, return_index=True))
    values = values[first]
    smaller, larger = np.triu_indices(len(sizes), k=1)
    if not len(smaller) or not baseline.has_gap:
        return []
    gap = baseline.clean - baseline.ablated
    differences = (values[larger] - values[smaller]).T
    ends = ratio_t_interval(differences, gap, level=1 - (1 - level) / len(smaller))
    change = differences.mean(axis=0) / gap.mean()
    deepest: dict[int, int] = {}
    for pair in np.flatnonzero(ends.high < -_ROUNDING):
        size = int(larger[pair])
        if size not in deepest or change[pair] < change[deepest[size]]:
            deepest[size] = int(pair)
    return [
        Fall(sizes[smaller[pair]], sizes[size], Estimate(float(change[pair]), ends.item(pair)))
        for size, pair in sorted(deepest.items())
    ]
