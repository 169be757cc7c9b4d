"""How alike two circuits of the same task are, and what two tasks share of that: the reuse index.

A circuit of other prompts of the same task is not the same circuit, so an overlap of .3 says little before it is known
that two disjoint halves of one task's prompts share .4, or .9. The index is 0 where two tasks share what chance gives,
and 1 where they share as much as two halves of one of them do.

    index = (between - chance) / (mean of within - chance)

All circuits in it are of the same number of prompts. Its interval resamples prompts, not pairs of circuits, which are
not independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.intervals import Interval
from graphs.comparison.redrawn import Redrawn


@dataclass(frozen=True)
class ReuseIndex:
    """What two tasks share, relative to chance and to what two halves of one task share.

    within_a, within_b  mean intersection over union of the circuits of two disjoint halves of a's prompts, and of b's
    between             the same of a half of a's and a half of b's
    chance              expected by chance of such circuits: parts expected to be shared over parts expected in either
    value               0 by chance, 1 as within a task; None where halves of one task share no more than chance gives
    interval            95 % t interval over prompts; None where it is unbounded
    n_prompts           of each half; `n_splits` how many there were
    """

    within_a: float
    within_b: float
    between: float
    chance: float
    value: float | None
    interval: Interval[float] | None
    n_prompts: int
    n_splits: int


def reuse_index(a: Redrawn, b: Redrawn, level: str, strata: Numbers, *, interval: float = 0.95) -> ReuseIndex | None:
    """The reuse index of two runs at a level; None with fewer than four prompts on either side.

    strata    [thing] within which circuits are drawn by chance
    interval  its level

    The variance is that of the index over resampled prompts, less what comes from how these fall into halves, plus what
    is left of that in the mean over the splits.
    """
    n_splits = min(len(a.halves), len(b.halves))
    if not n_splits or a.half_size != b.half_size:
        return None
    means, gaps = _gaps(a.of(level, "halves")[:n_splits], b.of(level, "halves")[:n_splits], strata)
    between, within = gaps.mean(axis=0)
    known = ReuseIndex(*map(float, means), None, None, a.half_size, n_splits)
    if not np.isfinite([between, within]).all() or within <= 0:
        return known
    index = float(between / within)
    return replace(known, value=index, interval=_interval(a, b, level, strata, gaps, index, interval))


def _gaps(a: Bools, b: Bools, strata: Numbers) -> tuple[Floats, Floats]:
    """Mean IoU within a, within b, between both and by chance; and [split, 2] between and within less chance.

    a, b  [split, half, thing]
    """
    within_a, within_b = _iou(a[:, 0], a[:, 1]), _iou(b[:, 0], b[:, 1])
    between = (_iou(a[:, 0], b[:, 1]) + _iou(a[:, 1], b[:, 0])) / 2
    chance = (_by_chance(a[:, 0], b[:, 1], strata) + _by_chance(a[:, 1], b[:, 0], strata)) / 2
    gaps = np.stack([between - chance, (within_a + within_b) / 2 - chance], axis=1)
    return np.array([side.mean() for side in (within_a, within_b, between, chance)]), gaps


def _interval(
    a: Redrawn, b: Redrawn, level: str, strata: Numbers, gaps: Floats, index: float, confidence: float
) -> Interval[float] | None:
    from scipy.special import stdtrit

    n_resamples = min(len(a.half_resamples), len(b.half_resamples))
    again = [side.of(level, "half_resamples")[:n_resamples] for side in (a, b)]
    n_inner = again[0].shape[1]
    flat = [side.reshape(-1, *side.shape[2:]) for side in again]
    resampled = _gaps(*flat, strata)[1].reshape(n_resamples, n_inner, 2)
    quantile = float(stdtrit(min(a.n_prompts, b.n_prompts) - 1, (1 + confidence) / 2))

    def error(split: Floats, resample: Floats) -> float:
        """Standard error of the mean over splits [split], from the same of resamples [resample, split]."""
        inner = resample.var(axis=1, ddof=1).mean() / n_inner
        over_prompts = max(0.0, float(resample.mean(axis=1).var(ddof=1) - inner))
        return float(np.sqrt(over_prompts + split.var(ddof=1) / len(split)))

    within = gaps[:, 1].mean()
    if not within > quantile * error(gaps[:, 1], resampled[..., 1]):
        return None  # an index without a unit
    apart = error(gaps[:, 0] - index * gaps[:, 1], resampled[..., 0] - index * resampled[..., 1])
    half = quantile * apart / within
    return Interval(index - half, index + half)


def _iou(a: Bools, b: Bools) -> Floats:
    """[row] of two circuits each; 0 where both are empty."""
    return np.count_nonzero(a & b, axis=1) / np.maximum(1, np.count_nonzero(a | b, axis=1))


def _by_chance(a: Bools, b: Bools, strata: Numbers) -> Floats:
    """[row] parts expected to be shared within strata, over parts expected in either."""
    stratum = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(stratum)
    n_a, n_b = (_counts(side, stratum, len(sizes)) for side in (a, b))
    shared = (n_a * n_b / sizes).sum(axis=1)
    return shared / np.maximum(1, n_a.sum(axis=1) + n_b.sum(axis=1) - shared)


def _counts(circuits: Bools, stratum: Numbers, n_strata: int) -> Numbers:
    """[row, stratum] how many parts each circuit [row, thing] has there."""
    row, thing = np.nonzero(circuits)
    return np.bincount(row * n_strata + stratum[thing], minlength=len(circuits) * n_strata).reshape(-1, n_strata)
