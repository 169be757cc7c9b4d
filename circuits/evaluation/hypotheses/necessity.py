"""Does the model lose more without the circuit than without nearly any circuit of its size from the rest of it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.evaluation.hypotheses.base import HYPOTHESES, Hypothesis, Tested, at_least, count_above

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns


@HYPOTHESES.register
@dataclass(frozen=True)
class PartialNecessity(Hypothesis):
    """How many random circuits of its size, drawn from what it leaves out, move the mean score less when knocked out?

    Drawn from the whole model they would share parts with it, and cut its chains as well."""

    name = "partial-necessity"
    null = "knocking the circuit out moves the score more than at most {q:.0%} of random circuits outside it do"
    rejected = "knocking the circuit out moves the score more than {q:.0%} of random circuits of its size outside it"
    is_good = True

    q: float = 0.9

    def test(self, runs: HypothesisRuns) -> Tested:
        if not len(runs.without_random):
            return Tested(None, reason="what it leaves out holds no circuit of its size")
        own = abs(runs.model.mean() - runs.complement.mean())
        others = np.abs(runs.model.mean() - runs.without_random.mean(axis=1))
        beaten, n = count_above(np.full(len(others), own), others, runs.scale), len(others)
        return Tested(at_least(beaten, n, self.q), {"q": self.q, "beaten": beaten, "n_random": n})
