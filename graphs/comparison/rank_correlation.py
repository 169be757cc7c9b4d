"""The rank correlation of two methods' scores of the same parts, with its interval over prompts."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import Interval, drawn_counts
from graphs.comparison.measures.spearman import rank_correlation

_RESAMPLES = 400
_AT_ONCE = 4_000_000  # numbers of one block of resamples


def correlation_interval(a: Floats, b: Floats, *, is_paired: bool, seed: int = 0) -> Interval[float] | None:
    """Percentile bootstrap interval of Spearman's correlation of mean scores; None where no resample has one.

    a, b       [prompt, part] scores, of the same parts
    is_paired  whether both are of the same prompts in the same order, which are then drawn together

    Prompts are resampled and not parts, which depend on each other. 70,000 edges take some seconds.
    """
    if min(len(a), len(b)) < 2:
        return None
    generator = np.random.default_rng(seed)
    counts = drawn_counts(len(a), resamples=_RESAMPLES, seed=generator)
    others = counts if is_paired else drawn_counts(len(b), resamples=_RESAMPLES, seed=generator)
    found: list[float] = []
    step = max(1, _AT_ONCE // max(a.shape[1], 1))
    for start in range(0, _RESAMPLES, step):
        block = slice(start, start + step)
        means = zip(counts[block] @ a.astype(np.float64), others[block] @ b.astype(np.float64), strict=True)
        found += [value for pair in means if (value := rank_correlation(*pair)) is not None]
    if not found:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(float(low), float(high))
