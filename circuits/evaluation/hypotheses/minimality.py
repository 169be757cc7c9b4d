"""Is every part of the circuit needed more than a part that has nothing to do with it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.evaluation.hypotheses.base import HYPOTHESES, LEVEL, Hypothesis, Tested, at_most, count_above
from circuits.intervals import holm

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns


@HYPOTHESES.register
@dataclass(frozen=True)
class Minimality(Hypothesis):
    """For each part of the circuit: how often does its removal move the mean score more than that of a random part?

    The random part is one of a random path that was added to the circuit and was no part of it. The p-value is the
    smallest of all parts tested, corrected for their number (Holm).
    """

    name = "minimality"
    null = "each part tested moves the score more than {q:.0%} of random parts of inflated circuits do"
    rejected = "some parts are no more needed than random ones: the circuit is not minimal"
    is_good = False

    q: float = 0.9

    def test(self, runs: HypothesisRuns) -> Tested:
        if not len(runs.inflated):
            return Tested(None, reason="the circuit is the whole model: it cannot be inflated")
        if not len(runs.removed):
            return Tested(None, reason="the circuit has no part")
        effects = np.abs((runs.circuit - runs.removed).mean(axis=1))
        of_random = np.abs((runs.inflated[:, 0] - runs.inflated[:, 1]).mean(axis=1))
        n = len(of_random)
        hits = [count_above(np.full(n, effect), of_random, runs.scale) for effect in effects]
        corrected = np.array(holm([at_most(count, n, self.q) for count in hits]), dtype=float)
        superfluous = np.flatnonzero(corrected < LEVEL)
        numbers = {
            "q": self.q,
            "n_random": n,
            "n_tested": len(effects),
            "n_parts": runs.n_parts,
            "superfluous": [int(runs.tested[number]) for number in superfluous],
        }
        return Tested(float(corrected.min()), numbers)
