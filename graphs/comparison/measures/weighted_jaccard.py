"""Weighted Jaccard similarity of the sizes of scores."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats
from graphs.comparison.measures.base import Measure, ratio
from graphs.comparison.measures.registry import register


def weighted_jaccard(a: Floats, b: Floats) -> float | None:
    """Sum of the smaller, over sum of the larger sizes of scores, each side's in shares of its total.

    In shares, because tasks differ in the units and the size of their metric. No threshold: everything measured counts
    as much as it scores. 1 for scores that differ by a factor alone, also where signs differ; None if a side is all 0.

    a, b  [thing] scores
    """
    totals = float(np.abs(a).sum()), float(np.abs(b).sum())
    if not min(totals, default=0.0):
        return None
    sizes = np.abs(a) / totals[0], np.abs(b) / totals[1]
    return ratio(np.minimum(*sizes).sum(), np.maximum(*sizes).sum())


WEIGHTED_JACCARD = register(
    Measure(
        "weighted_jaccard", "IoU with every part counted by its share of the total |score|", "scores", weighted_jaccard
    )
)
