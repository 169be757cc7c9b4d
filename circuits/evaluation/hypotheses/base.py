"""What every test of a circuit shares: a null hypothesis in words, a p-value, and what it means when it is small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.registry import Registry, subclass_of

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns

LEVEL = 0.05
# Differences this small, relative to the largest score, are rounding: the two are equal.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Tested:
    """The outcome of a test.

    p        None where it cannot be tested, and `reason` says why
    rejects  whether p is below .05, so that the null hypothesis is given up
    numbers  what the p-value rests on, as plain values
    """

    p: float | None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None

    @property
    def rejects(self) -> bool | None:
        return None if self.p is None else self.p < LEVEL


@dataclass(frozen=True)
class Hypothesis:
    """A test. Subclasses are frozen dataclasses whose fields are its settings.

    null      the null hypothesis, in words; {name} stands for a setting
    rejected  what it means to give it up
    is_good   whether a good circuit makes it be given up
    """

    name: ClassVar[str]
    null: ClassVar[str]
    rejected: ClassVar[str]
    is_good: ClassVar[bool]

    def test(self, runs: HypothesisRuns) -> Tested:
        """The p-value. Runs no model."""
        raise NotImplementedError

    def in_words(self, text: str) -> str:
        """A text with the settings put in."""
        return text.format(**vars(self))


HYPOTHESES: Registry[type[Hypothesis]] = Registry("hypotheses", subclass_of(Hypothesis))


def count_above(values: Floats, than: Floats | float, scale: float) -> float:
    """How many values are above others, those that are equal but for rounding counted half."""
    difference = np.asarray(values - than)
    is_tie: Bools = np.abs(difference) <= _ROUNDING * max(scale, np.finfo(float).tiny)
    return float(np.count_nonzero((difference > 0) & ~is_tie) + 0.5 * np.count_nonzero(is_tie))


def at_least(hits: float, n: int, share: float) -> float:
    """Probability of as many hits or more in n tries, each with probability `share`; half hits are rounded down."""
    from scipy.stats import binom

    return float(binom.sf(np.floor(hits) - 1, n, share))


def at_most(hits: float, n: int, share: float) -> float:
    """Probability of as many hits or fewer in n tries; half hits are rounded up."""
    from scipy.stats import binom

    return float(binom.cdf(np.ceil(hits), n, share))
