"""How much two circuits would overlap by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats

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
    strata = np.stack([sizes, drawn_a, drawn_b]).astype(np.int64)
    strata = strata[:, np.minimum(strata[1], strata[2]) > 0]
    different, n_alike = np.unique(strata, axis=1, return_counts=True)
    counts = [_Counts.of_stratum(*stratum) for stratum in different.T.tolist()]
    return _sum_of(count.times(n) for count, n in zip(counts, n_alike.tolist(), strict=True))


def drawn_within(strata: NDArray[np.int64], in_a: Bools, in_b: Bools) -> OverlapDistribution:
    """How many two random sets share that have as many in each stratum as `in_a` and `in_b`.

    strata      [thing] number of its stratum, from 0
    in_a, in_b  [thing] what each set has
    """
    n_strata = int(strata.max(initial=-1)) + 1
    sizes = np.bincount(strata, minlength=n_strata)
    return overlap_distribution(sizes, *(np.bincount(strata[each], minlength=n_strata) for each in (in_a, in_b)))


def independent_sum(sizes: NDArray[np.int64], probabilities: Floats) -> OverlapDistribution:
    """How many of several independent things are there: a sum of binomial counts (Poisson-binomial), exact.

    sizes          [group] how many things are in it
    probabilities  [group] how likely each of them is
    """
    groups = zip(sizes.tolist(), probabilities.tolist(), strict=True)
    return _sum_of(_Counts.of_group(size, probability) for size, probability in groups)


class _Counts(NamedTuple):
    """Probability of each count from `lowest` on."""

    lowest: int
    probabilities: Floats

    @classmethod
    @lru_cache(maxsize=4096)
    def of_stratum(cls, size: int, n_a: int, n_b: int) -> _Counts:
        """How many two random sets share within one stratum: hypergeometric."""
        from scipy.special import gammaln

        shared = np.arange(max(0, n_a + n_b - size), min(n_a, n_b) + 1)
        ways = shared + 1, n_a - shared + 1, n_b - shared + 1, size - n_a - n_b + shared + 1
        logs = -np.sum([gammaln(each) for each in ways], axis=0)
        probabilities = np.exp(logs - logs.max())
        return cls(int(shared[0]), probabilities / probabilities.sum())

    @classmethod
    def of_group(cls, size: int, probability: float) -> _Counts:
        """How many of `size` things are there, each with a probability: binomial, without its negligible end."""
        from scipy.special import gammaln, xlog1py, xlogy

        # By Bernstein's inequality more than this has a probability below e^-w = _NEGLIGIBLE.
        mean, variance, w = size * probability, size * probability * (1 - probability), -np.log(_NEGLIGIBLE)
        most = min(size, int(mean + w / 3 + np.sqrt((w / 3) ** 2 + 2 * w * variance)) + 1)
        there = np.arange(most + 1)
        ways = gammaln(size + 1) - gammaln(there + 1) - gammaln(size - there + 1)
        return cls(0, np.exp(ways + xlogy(there, probability) + xlog1py(size - there, -probability)))

    def plus(self, other: _Counts) -> _Counts:
        """The sum with another count that is independent."""
        lowest = self.lowest + other.lowest
        probabilities = np.convolve(self.probabilities, other.probabilities)
        if probabilities[0] > _NEGLIGIBLE and probabilities[-1] > _NEGLIGIBLE:
            return _Counts(lowest, probabilities)
        likely = np.flatnonzero(probabilities > _NEGLIGIBLE)
        first, last = int(likely[0]), int(likely[-1])
        return _Counts(lowest + first, probabilities[first : last + 1])

    def times(self, n: int) -> _Counts:
        """The sum of `n` such counts, independent of each other."""
        half = self.times(n // 2) if n > 1 else self
        return half if n == 1 else half.plus(half) if n % 2 == 0 else half.plus(half).plus(self)


def _sum_of(counts: Iterable[_Counts]) -> OverlapDistribution:
    """The distribution of a sum of independent counts, added two and two, so that few long ones are convolved."""
    counts = list(counts) or [_Counts(0, np.ones(1))]
    while len(counts) > 1:
        pairs = zip(counts[::2], counts[1::2], strict=False)
        counts = [*(one.plus(other) for one, other in pairs), *counts[len(counts) // 2 * 2 :]]
    return OverlapDistribution(counts[0].lowest, counts[0].probabilities / counts[0].probabilities.sum())
