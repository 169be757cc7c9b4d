"""The overlap of the strongest of both sides at every size, beside what chance and what two halves of a task give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.masks import endpoints
from circuits.scores import ComponentScores, EdgeScores
from graphs.comparison.head_scores import is_of_components
from graphs.comparison.level import Level
from graphs.comparison.null import drawn_within
from graphs.selection import means_at

FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
BAND = (0.025, 0.975)
_SPLITS = 20  # whose rankings are compared
Ceiling = Mapping[str, Floats]
"""`heads` and `edges` -> [split, fraction] intersection over union of the strongest of two halves."""


@dataclass(frozen=True)
class SweepPoint:
    """The overlap of the top `n` heads or edges of both, by |score|: `fraction` of all, at least one.

    expected_iou                by chance, within layers (of edges within layers and ports); 95 % of draws lie from
                                `null_low` to `null_high`
    ceiling                     mean of two halves of the same task's prompts, both tasks; 95 % of splits lie from
                                `ceiling_low` to `ceiling_high`; None where that was not measured
    threshold_a, threshold_b    |score| of the last one taken
    """

    of: str
    fraction: float
    n: int
    n_shared: int
    iou: float
    expected_iou: float
    threshold_a: float
    threshold_b: float
    null_low: float | None = None
    null_high: float | None = None
    ceiling: float | None = None
    ceiling_low: float | None = None
    ceiling_high: float | None = None


def sweep(level: Level, fractions: Sequence[float], ceilings: Sequence[Ceiling | None] = ()) -> list[SweepPoint]:
    """The overlap of the strongest of both sides, at each fraction of those measured on both; none without scores.

    ceilings  of both sides, at the same fractions

    ValueError for a fraction beyond 0 to 1.
    """
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise ValueError(
                f"cannot take the strongest {fraction} of all {level.name}: fractions lie between 0 and 1."
            )
    if level.scores is None or not level.scores.measured.any():
        return []
    known = level.scores.measured
    strengths = [np.abs(side[known]) for side in (level.scores.a, level.scores.b)]
    orders = [np.argsort(-strength, kind="stable") for strength in strengths]
    strata, size, points = level.strata[known], int(known.sum()), []
    for index, fraction in enumerate(fractions):
        n = _n_of(fraction, size)
        in_a, in_b = (_first(order, n) for order in orders)
        null, n_shared = drawn_within(strata, in_a, in_b), int(np.count_nonzero(in_a & in_b))
        low, high = (_iou(null.quantile(q), n) for q in BAND)
        weakest_a, weakest_b = (float(side[order[n - 1]]) for side, order in zip(strengths, orders, strict=True))
        expected = null.mean_iou(n, n) or 0.0
        point = SweepPoint(
            level.name, fraction, n, n_shared, _iou(n_shared, n), expected, weakest_a, weakest_b, low, high
        )
        ceiling, least, most = _ceiling_at(level, ceilings, index)
        points.append(replace(point, ceiling=ceiling, ceiling_low=least, ceiling_high=most))
    return points


def ceiling_of(
    scores: EdgeScores, node_scores: ComponentScores | None, weights: Floats, fractions: Sequence[float]
) -> Ceiling:
    """How far the rankings of two halves of a run's prompts agree.

    weights  [split, half, prompt] 1 for the prompts of each half
    """
    weights = weights[:_SPLITS]
    found = {name: np.zeros((len(weights), len(fractions))) for name in ("edges", "heads")}
    if weights.shape[-1] != scores.n_prompts:  # of components, whose edges were scored on other prompts
        return {}
    wiring, known = scores.wiring, scores.measured
    source, is_head = endpoints(wiring).source, np.array([wiring.is_head(writer) for writer in wiring.writers])
    for split, halves in enumerate(weights):
        means = halves @ scores.per_prompt / halves.sum(axis=1, keepdims=True)
        if node_scores is not None and is_of_components(scores, node_scores):
            heads = np.stack([_head_means(node_scores, half) for half in halves])
        else:
            n_writers = len(wiring.writers)
            heads = np.stack([np.bincount(source, weights=mean, minlength=n_writers)[is_head] for mean in means])
        for name, ranked in (("edges", np.abs(means[:, known])), ("heads", np.abs(heads))):
            orders, size = np.argsort(-ranked, axis=1, kind="stable"), ranked.shape[1]
            for index, fraction in enumerate(fractions if size else ()):
                n = _n_of(fraction, size)
                both = _first(orders[0], n) & _first(orders[1], n)
                found[name][split, index] = _iou(int(np.count_nonzero(both)), n)
    return found


def _head_means(node_scores: ComponentScores, half: Floats) -> Floats:
    position = means_at(node_scores).position
    there = node_scores.at(position)
    of_half = there.per_prompt[half > 0, 0].mean(axis=0)
    return of_half[[node_scores.wiring.is_head(component) for component in node_scores.components]]


def _n_of(fraction: float, size: int) -> int:
    return min(size, max(1, round(fraction * size)))


def _first(order: Numbers, n: int) -> Bools:
    first = np.zeros(len(order), dtype=np.bool_)
    first[order[:n]] = True
    return first


def _iou(n_shared: int, n: int) -> float:
    return n_shared / (2 * n - n_shared)


def _ceiling_at(level: Level, ceilings: Sequence[Ceiling | None], index: int) -> tuple[float | None, ...]:
    sides = [side[level.name][:, index] for side in ceilings if side is not None and level.name in side]
    if not sides or len(sides) < len(ceilings):
        return None, None, None
    together = np.concatenate(sides)
    low, high = np.quantile(together, BAND)
    return float(together.mean()), float(low), float(high)
