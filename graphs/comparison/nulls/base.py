"""What a null is, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Floats
from graphs.comparison.level import Level
from graphs.comparison.null import SIGNIFICANT, OverlapDistribution


@dataclass(frozen=True)
class Chance:
    """What one measure would be by chance, and how likely at least what was measured is.

    null           its name
    measure        of `graphs.comparison.measures`
    value          what was measured; None where it is not defined
    expected       its mean under the null; None where it is not defined
    p_value        probability of at least `value` by chance
    least_p_value  what it would be for circuits as alike as circuits drawn so can be: where that is large, the null
                   cannot tell
    n_samples      how many circuits were drawn, each of which could lower the p-value; None where all are counted
    """

    null: str
    measure: str
    value: float | None
    expected: float | None
    p_value: float
    least_p_value: float
    n_samples: int | None = None

    @property
    def can_tell(self) -> bool:
        """Whether any likeness of such circuits would be beyond chance."""
        return self.least_p_value < SIGNIFICANT


@dataclass(frozen=True)
class Null:
    """What is drawn at random.

    name     as in tables and files
    summary  one line: what stays as it is
    chances  (level, how many samples to draw where they are not counted, seed) -> what it says there; empty where it
             says nothing about such a level
    """

    name: str
    summary: str
    chances: Callable[[Level, int, int], Sequence[Chance]]


def counted(null: str, level: Level, distribution: OverlapDistribution) -> Chance:
    """What the distribution of the number of shared parts says about intersection over union."""
    n_either = level.n_a + level.n_b - level.n_shared
    return Chance(
        null,
        "iou",
        level.n_shared / n_either if n_either else None,
        distribution.mean_iou(level.n_a, level.n_b),
        distribution.at_least(level.n_shared),
        distribution.least_p_value,
    )


def sampled(null: str, measure: str, value: float, samples: Floats) -> Chance:
    """What values [sample] drawn under the null say about one that was measured, which counts as one more sample.

    So the p-value is valid for any number of samples, and never below 1 / (samples + 1).
    """
    n, together = len(samples) + 1, np.append(samples, value)
    # Sums of the same numbers in another order differ by rounding.
    slack = 1e-12 * max(1.0, float(np.abs(together).max()))
    p_value, least = (np.count_nonzero(together >= top - slack) / n for top in (value, together.max()))
    return Chance(null, measure, value, float(samples.mean()), float(p_value), float(least), len(samples))
