"""Is the circuit as good as the model, prompt by prompt?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.evaluation.hypotheses.base import HYPOTHESES, Hypothesis, Tested, count_above

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns


@HYPOTHESES.register
@dataclass(frozen=True)
class Equivalence(Hypothesis):
    """A sign test with a margin: how often is the circuit's score above the model's?

    With K of n prompts above, p = P(|B / n - 1/2| >= |K / n - 1/2|), B binomial with the probability 1/2 + epsilon that
    the null hypothesis allows at most.
    """

    name = "equivalence"
    null = "the circuit scores above the model on about half of the prompts: within {epsilon:g} of 1/2"
    rejected = "the circuit and the model are not equivalent"
    is_good = False

    epsilon: float = 0.1

    def test(self, runs: HypothesisRuns) -> Tested:
        from scipy.stats import binom

        n = len(runs.model)
        above = count_above(runs.circuit, runs.model, runs.scale)
        counts = np.arange(n + 1)
        is_as_far = np.abs(counts / n - 0.5) >= abs(above / n - 0.5) - 1e-12
        p = float(binom.pmf(counts, n, 0.5 + self.epsilon)[is_as_far].sum())
        return Tested(min(1.0, p), {"above": above, "n_prompts": n, "epsilon": self.epsilon})
