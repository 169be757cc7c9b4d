"""Does the model lose more without the circuit than without nearly any other circuit of its size?"""

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
    """How many random circuits of its size, drawn from the whole model, move the mean score less when knocked out?"""

    name = "partial-necessity"
    null = "knocking the circuit out moves the score more than at most {q:.0%} of random circuits of its size do"
    rejected = "knocking the circuit out moves the score more than {q:.0%} of random circuits of its size"
    is_good = True

    q: float = 0.9

    def test(self, runs: HypothesisRuns) -> Tested:
        if not len(runs.without_random):
            return Tested(None, reason="no random circuit was drawn")
        own = abs(runs.model.mean() - runs.complement.mean())
        others = np.abs(runs.model.mean() - runs.without_random.mean(axis=1))
        beaten, n = count_above(np.full(len(others), own), others, runs.scale), len(others)
        return Tested(at_least(beaten, n, self.q), {"q": self.q, "beaten": beaten, "n_random": n})
