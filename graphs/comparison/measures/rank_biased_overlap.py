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
    rankings = [_ranked(side) for side in (a, b)]
    depth = min(map(len, rankings))
    if depth == 0:
        return None
    ranks = np.full((2, len(a)), depth)
    for row, ranking in zip(ranks, rankings, strict=True):
        row[ranking[:depth]] = np.arange(depth)
    joined = np.bincount(ranks.max(axis=0), minlength=depth + 1)[:depth]
    depths = np.arange(1, depth + 1)
    agreement = np.cumsum(joined) / depths
    weights = persistence**depths
    return float((1 - persistence) / persistence * (weights @ agreement) + agreement[-1] * weights[-1])


def _ranked(scores: Floats) -> Numbers:
    """Numbers of what does not score 0, strongest first."""
    strength = np.abs(scores)
    order = np.argsort(-strength, kind="stable")
    return order[strength[order] > 0]


RANK_BIASED_OVERLAP = register(
    Measure(
        "rank_biased_overlap",
        f"agreement of rankings by |score|, the top most of all (p = {PERSISTENCE})",
        "scores",
        rank_biased_overlap,
    )
)
