"""Rank correlation of signed scores."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats
from graphs.comparison.measures.base import Measure
from graphs.comparison.measures.cosine import cosine
from graphs.comparison.measures.registry import register


def rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's rank correlation of signed scores; None for fewer than two or where one side is constant.

    Every part counts alike, also the many whose scores are noise about 0: of all edges it is a poor measure.

    a, b  [thing] scores
    """
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return cosine(_centered_ranks(a), _centered_ranks(b))


def _centered_ranks(scores: Floats) -> Floats:
    """Ranks [thing] less their mean, ties sharing theirs; all 0 for scores that are all the same."""
    from scipy.stats import rankdata

    return rankdata(scores) - (len(scores) + 1) / 2


SPEARMAN = register(
    Measure(
        "spearman",
        "rank correlation of signed scores: every part counts alike",
        "scores",
        cosine,
        reading=_centered_ranks,
    )
)
