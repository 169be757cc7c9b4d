"""Bounds: how far a circuit may be from the whole model, and what is compared.

A bound measures the distance of a circuit from the whole model as a share of what ablating everything changes, and a
circuit is within the bound where that is at most its tolerance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.evaluation.faithfulness import SMALLEST_GAP, Baseline


class NoMinimalCircuitError(ValueError):
    """There is no circuit within the bound to begin with, or nothing that could be kept."""


@dataclass(frozen=True)
class Bound(ABC):
    """How far a circuit may be from the whole model.

    tolerance  largest distance, as a share: above 0, where only the whole model is, and below 1, where nothing is kept
    """

    name: ClassVar[str]
    tolerance: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"a tolerance of {self.tolerance:g} is not between 0 and 1: it is a share of what ablating everything "
                "changes."
            )

    @abstractmethod
    def unit(self, baseline: Baseline) -> float:
        """What distances are shares of, in units of the metric. NoMinimalCircuitError where that is nothing."""

    @abstractmethod
    def distances(self, values: Floats, baseline: Baseline) -> Floats:
        """How far each circuit falls short of the whole model [circuit], from values [circuit, prompt]."""

    def accepts(self, values: Floats, baseline: Baseline) -> Bools:
        """Whether each circuit is within the bound [circuit], from values [circuit, prompt]."""
        return self.distances(values, baseline) <= self.tolerance

    @property
    @abstractmethod
    def in_words(self) -> str:
        """What holds for a circuit within the bound."""


class MeanBound(Bound):
    """Faithfulness, of means over prompts, is 1 - tolerance or more; beyond 1, distances are below 0.

    So it is for `search_sizes`: a faithful circuit that was chosen is always within this bound of its tolerance.

    >>> from circuits.evaluation.bounds import MeanBound
    >>> MeanBound(tolerance=0.1).in_words
    'mean faithfulness of 0.9 or more'
    """

    name = "mean"

    def unit(self, baseline: Baseline) -> float:
        if not baseline.has_gap:
            raise NoMinimalCircuitError(
                "the mean metric does not differ between clean and ablated prompts: nothing can be kept. "
                "Bound each prompt instead (rule per-prompt)."
            )
        return abs(baseline.gap)

    def distances(self, values: Floats, baseline: Baseline) -> Floats:
        lost = (baseline.clean - values).mean(axis=-1)
        return np.sign(baseline.gap) * lost / self.unit(baseline)

    @property
    def in_words(self) -> str:
        return f"mean faithfulness of {1 - self.tolerance:g} or more"


class PerPromptBound(Bound):
    """No prompt's metric moves by more than the tolerance, a share of the mean move when everything is ablated.

    >>> from circuits.evaluation.bounds import PerPromptBound
    >>> PerPromptBound(tolerance=0.1).in_words
    'no prompt moves by more than 0.1 of the mean effect'
    """

    name = "per-prompt"

    def unit(self, baseline: Baseline) -> float:
        moved = float(np.abs(baseline.clean - baseline.ablated).mean())
        if moved <= SMALLEST_GAP * max(float(np.abs(baseline.clean).mean()), 1e-12):
            raise NoMinimalCircuitError(
                "the metric of no prompt differs between clean and ablated: there is nothing to explain. Choose "
                "another metric or other prompts."
            )
        return moved

    def distances(self, values: Floats, baseline: Baseline) -> Floats:
        return np.abs(values - baseline.clean).max(axis=-1) / self.unit(baseline)

    @property
    def in_words(self) -> str:
        return f"no prompt moves by more than {self.tolerance:g} of the mean effect"


BOUNDS: Mapping[str, type[Bound]] = {bound.name: bound for bound in (MeanBound, PerPromptBound)}
