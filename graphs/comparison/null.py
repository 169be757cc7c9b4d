"""How much two circuits would overlap by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Floats

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

    @property
    def least_p_value(self) -> float:
        """The probability of sharing as many as sets of these sizes can: no overlap is less likely."""
        return float(self.probabilities[-1])

    def mean_iou(self, n_a: int, n_b: int) -> float | None:
        """Mean intersection over union of sets of these sizes; None if both are empty."""
        if n_a + n_b == 0:
            return None
        return float((self.counts / (n_a + n_b - self.counts)) @ self.probabilities)


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
            lowest, probabilities = lowest + fewest, np.convolve(probabilities, here)
            likely = np.flatnonzero(probabilities > _NEGLIGIBLE)
            lowest, probabilities = lowest + int(likely[0]), probabilities[likely[0] : likely[-1] + 1]
    return OverlapDistribution(lowest, probabilities / probabilities.sum())
