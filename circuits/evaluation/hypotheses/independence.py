"""Does anything of the behavior remain once the circuit is knocked out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from circuits.evaluation.hypotheses.base import HYPOTHESES, Hypothesis, Tested

if TYPE_CHECKING:
    from circuits.evaluation.hypotheses.runs import HypothesisRuns

_LEAST_PROMPTS = 8


@HYPOTHESES.register
@dataclass(frozen=True)
class Independence(Hypothesis):
    """The Hilbert-Schmidt independence criterion of the two scores over prompts, with a permutation p-value.

    Gaussian kernels, each as wide as the median distance between prompts of its own score. The data are counted as one
    of the permutations.
    """

    name = "independence"
    null = "what the model scores without the circuit does not depend on what it scores with it"
    rejected = "something of the behavior is outside the circuit"
    is_good = False

    permutations: int = 1000
    seed: int = 0

    def test(self, runs: HypothesisRuns) -> Tested:
        n = len(runs.model)
        if n < _LEAST_PROMPTS:
            return Tested(None, reason=f"{n} prompts judge: at least {_LEAST_PROMPTS} are needed")
        kernels = [_kernel(scores, runs.scale) for scores in (runs.complement, runs.model)]
        if kernels[0] is None or kernels[1] is None:
            what = "without the circuit" if kernels[0] is None else "of the model"
            return Tested(None, reason=f"the scores {what} are the same on most prompts: nothing can depend on them")
        first, second = _centered(kernels[0]), kernels[1]
        observed, draw = float((first * second).sum()), np.random.default_rng(self.seed)
        reached = 0
        for _ in range(self.permutations):
            order = draw.permutation(n)
            reached += float((first * second[np.ix_(order, order)]).sum()) >= observed * (1 - 1e-12)
        p = (1 + reached) / (1 + self.permutations)
        return Tested(p, {"hsic": observed / n**2, "permutations": self.permutations, "n_prompts": n})


def _kernel(scores: Floats, scale: float) -> Floats | None:
    """[prompt, prompt]; None where most prompts have the same score."""
    distances = np.abs(scores[:, None] - scores)
    width = float(np.median(distances[np.triu_indices(len(scores), 1)]))
    if width <= 1e-6 * max(scale, np.finfo(float).tiny):
        return None
    return np.exp(-((distances / width) ** 2) / 2)


def _centered(kernel: Floats) -> Floats:
    return kernel - kernel.mean(axis=0) - kernel.mean(axis=1, keepdims=True) + kernel.mean()
