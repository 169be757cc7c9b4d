"""How much two circuits would overlap by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Floats

SIGNIFICANT = 0.05
_NEGLIGIBLE = 1e-100  # probabilities below this are trimmed from the ends of a distribution


@dataclass(frozen=True)
class OverlapDistribution:
    """Probability of each number shared under the null: `probabilities[i]` is that of `lowest + i`."""

    lowest: int
    probabilities: Floats

    @property
    def counts(self) -> NDArray[np.int64]:
        return self.lowest + np.arange(len(self.probabilities))

    @property
    def mean(self) -> float:
        return float(self.counts @ self.probabilities)

    def at_least(self, n_shared: int) -> float:
        """Probability of sharing `n_shared` or more."""
        return min(1.0, float(self.probabilities[self.counts >= n_shared].sum()))

    def quantile(self, share: float) -> int:
        """The least number shared that at least this share of draws does not exceed."""
        return int(self.counts[np.searchsorted(np.cumsum(self.probabilities), share - 1e-12)])

    @property
    def least_p_value(self) -> float:
        """The probability of sharing as many as sets of these sizes can: no overlap is less likely."""
        return float(self.probabilities[-1])

    def mean_iou(self, n_a: int, n_b: int) -> float | None:
        """Mean intersection over union of sets of these sizes; None if both are empty."""
        if n_a + n_b == 0:
            return None
        # Where sizes are only expected ones, more may be shared than the smaller set has.
        shared = np.minimum(self.counts, min(n_a, n_b))
        return float((shared / (n_a + n_b - shared)) @ self.probabilities)


def overlap_distribution(
    sizes: Sequence[int] | NDArray[np.int64],
    drawn_a: Sequence[int] | NDArray[np.int64],
    drawn_b: Sequence[int] | NDArray[np.int64],
) -> OverlapDistribution:
    """How many two random sets share, each drawn within strata: the exact distribution.

    sizes             [stratum] how many there are to draw from
    drawn_a, drawn_b  [stratum] how many each set draws there

    Per stratum the count is hypergeometric; strata are independent, so the sum is their convolution.
    """
    from scipy.stats import hypergeom

    lowest, probabilities = 0, np.ones(1)
    for size, n_a, n_b in zip(sizes, drawn_a, drawn_b, strict=True):
        fewest, most = max(0, int(n_a) + int(n_b) - int(size)), min(int(n_a), int(n_b))
        if most > 0:
            here = hypergeom.pmf(np.arange(fewest, most + 1), size, n_a, n_b)
            lowest, probabilities = _added(lowest, probabilities, fewest, here)
    return OverlapDistribution(lowest, probabilities / probabilities.sum())


def independent_sum(sizes: NDArray[np.int64], probabilities: Floats) -> OverlapDistribution:
    """How many of several independent things are there: a sum of binomial counts (Poisson-binomial), exact.

    sizes          [group] how many things are in it
    probabilities  [group] how likely each of them is
    """
    from scipy.stats import binom

    lowest, together = 0, np.ones(1)
    for size, probability in zip(sizes, probabilities, strict=True):
        fewest, most = binom.ppf([_NEGLIGIBLE, 1 - 1e-16], size, probability).astype(int)
        most = min(int(size), 2 * most + 60)  # far beyond what float64 tells from 1
        here = binom.pmf(np.arange(max(0, fewest), most + 1), size, probability)
        lowest, together = _added(lowest, together, max(0, fewest), here)
    return OverlapDistribution(lowest, together / together.sum())


def _added(lowest: int, probabilities: Floats, fewest: int, here: Floats) -> tuple[int, Floats]:
    """Lowest count and probabilities of the sum with one more count, from `fewest` on, without negligible ends."""
    probabilities = np.convolve(probabilities, here)
    likely = np.flatnonzero(probabilities > _NEGLIGIBLE)
    return lowest + fewest + int(likely[0]), probabilities[likely[0] : likely[-1] + 1]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being several (Holm 1979): any below 5 % by luck in 5 % of cases. None stays None.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    known = sorted((p, number) for number, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, number) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[number] = largest
    return corrected
