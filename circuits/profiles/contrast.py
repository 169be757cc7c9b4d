"""How much more a head does in one place than in another, with an interval over prompts."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import Interval, bootstrap
from circuits.scores import ComponentScores

# With fewer, what resampling gives covers the true difference in clearly less than 95 %.
_FEWEST = 6


def contrast(scores: ComponentScores, place: str, other: str) -> tuple[Floats, Interval[Floats]]:
    """[component] mean at one place minus that at another, each over the prompts in which it was measured.

    Percentile bootstrap interval (95 %) over whole prompts, so that places of the same prompts, such as two roles, and
    of different ones, such as two domains of text, are both compared as they should be; unbounded where fewer than six
    prompts have a place. ValueError for a place that was not measured.
    """
    return difference(*(np.where(at.measured, at.per_prompt, np.nan)[:, 0] for at in map(scores.at, (place, other))))


def difference(values: Floats, others: Floats) -> tuple[Floats, Interval[Floats]]:
    """The same from values [prompt, component] at the two places, NaN where not measured."""
    both = np.stack((values, others)).astype(np.float64)
    known = ~np.isnan(both)
    filled, known = np.where(known, both, 0), known.astype(np.float64)

    def statistic(counts: Floats) -> Floats:
        """[resample, component]"""
        totals, n = counts @ filled, counts @ known  # [place, resample, component]
        means = totals / np.where(n > 0, n, np.nan)
        return means[0] - means[1]

    n_prompts = both.shape[1]
    interval = bootstrap(statistic, n_prompts)
    few = known.sum(axis=1).min(axis=0) < _FEWEST
    ends = Interval(np.where(few, -np.inf, interval.low), np.where(few, np.inf, interval.high))
    return statistic(np.ones((1, n_prompts)))[0], ends
