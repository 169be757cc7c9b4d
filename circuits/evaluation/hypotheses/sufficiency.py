"""Is the circuit more faithful than nearly all circuits of its size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.evaluation.hypotheses.base import HYPOTHESES, Hypothesis, Tested, at_least, count_above

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns


@HYPOTHESES.register
@dataclass(frozen=True)
class Sufficiency(Hypothesis):
    """How many random circuits of its size are further from the model in their mean score?"""

    name = "sufficiency"
    null = "the circuit is more faithful than at most {q:.0%} of random circuits of its size"
    rejected = "the circuit is more faithful than {q:.0%} of random circuits of its size"
    is_good = True

    q: float = 0.9

    def test(self, runs: HypothesisRuns) -> Tested:
        if not len(runs.random):
            return Tested(None, reason="no random circuit was drawn")
        own = abs(runs.circuit.mean() - runs.model.mean())
        others = np.abs(runs.random.mean(axis=1) - runs.model.mean())
        beaten, n = count_above(others, own, runs.scale), len(others)
        return Tested(at_least(beaten, n, self.q), {"q": self.q, "beaten": beaten, "n_random": n})
