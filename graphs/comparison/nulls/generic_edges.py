"""Circuits as those of any task: each edge is in a circuit as often as in those of other tasks.

Edges such as `input->m0` and `m0->logits` are in nearly every circuit; that two tasks share them says nothing about
these two. Both circuits are drawn edge by edge, with a probability that follows from how many of the other runs have
the edge. The number shared is then Poisson-binomial, and as few probabilities differ, a sum of few binomials: exact.
With few other runs the probabilities are rough, and so is the p-value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.comparison.level import Level
from graphs.comparison.null import OverlapDistribution, independent_sum
from graphs.comparison.nulls.base import Chance, Null, counted
from graphs.comparison.nulls.registry import register

_STEPS = 64  # of bisection: the last is below what float64 tells apart


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.others is None or not level.others.any():
        return []
    in_either = [generic_probabilities(level.others, n) for n in (level.n_a, level.n_b)]
    return [counted("generic", level, shared_by_chance(*in_either))]


def generic_probabilities(others: Bools, n: int) -> Floats:
    """[thing] the probability that a circuit of `n` things has it, given what those of other runs have.

    others  [run, thing]

    The share of other runs that have it, with one run more in which all are equally likely; its odds are then scaled,
    by the same factor for all, so that `n` are expected.
    """
    n_runs, size = others.shape
    if not 0 < n < size:
        return np.full(size, float(n > 0))
    in_runs, index, counts = np.unique(others.sum(axis=0), return_inverse=True, return_counts=True)
    share = np.minimum((in_runs + others.sum() / (n_runs * size)) / (n_runs + 1), 1 - 1e-9)
    log_odds = np.log(share) - np.log1p(-share)
    low, high = -60.0, 60.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if counts @ (1 / (1 + np.exp(-log_odds - middle))) < n else (low, middle)
    return (1 / (1 + np.exp(-log_odds - high)))[index]


def shared_by_chance(in_a: Floats, in_b: Floats) -> OverlapDistribution:
    """How many things both circuits have, of probabilities [thing] in each, independent of each other."""
    probabilities, counts = np.unique(in_a * in_b, return_counts=True)
    return independent_sum(counts, probabilities)


GENERIC = register(
    Null("generic", "each part as likely as in the circuits of the other runs (three runs or more)", _chances)
)
