"""Rank-biased overlap: how far two rankings agree, the top most of all."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats, Numbers
from graphs.comparison.measures.base import Measure
from graphs.comparison.measures.registry import register

PERSISTENCE = 0.98  # the top 50 have 86 % of the weight


def rank_biased_overlap(a: Floats, b: Floats, *, persistence: float = PERSISTENCE) -> float | None:
    """Rank-biased overlap of the rankings by |score|, extrapolated beyond their end; None if a side is all 0.

    The mean over depths of the share that both tops have in common, where depth d weighs `persistence` ** d. What
    scores 0 is not ranked. 1 for equal rankings; of few parts it is high by chance as well, which its null says.
    Source: Webber et al. 2010, equation 32 (both rankings of the same length here).

    a, b  [thing] scores
    """
    return _of_ranks(_ranks(a), _ranks(b), persistence=persistence)


def _ranks(scores: Floats) -> Numbers:
    """[thing] rank by |score| from 0, the strongest; as many as there are things for what scores 0. Ties in order."""
    strength = np.abs(scores)
    order = np.argsort(-strength, kind="stable")
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[order] = np.arange(len(scores))
    return np.where(strength > 0, ranks, len(scores))


def _of_ranks(a: Numbers, b: Numbers, *, persistence: float = PERSISTENCE) -> float | None:
    depth = int(min(np.count_nonzero(side < len(side)) for side in (a, b)))
    if depth == 0:
        return None
    # A thing is in both tops from the larger of its ranks on.
    joined = np.bincount(np.minimum(np.maximum(a, b), depth), minlength=depth + 1)[:depth]
    agreement = np.cumsum(joined) / np.arange(1, depth + 1)
    weights = persistence ** np.arange(1, depth + 1)
    return float((1 - persistence) / persistence * (weights @ agreement) + agreement[-1] * weights[-1])


RANK_BIASED_OVERLAP = register(
    Measure(
        "rank_biased_overlap",
        f"agreement of rankings by |score|, the top most of all (p = {PERSISTENCE})",
        "scores",
        _of_ranks,
        reading=_ranks,
    )
)
