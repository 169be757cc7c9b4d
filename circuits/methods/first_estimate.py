"""The estimate of all edges with which another method begins: it ranks them first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation
from circuits.data.prompts import PromptSet
from circuits.lookup import lookup
from circuits.methods.base import Method
from circuits.methods.registry import METHODS
from circuits.metrics import Metric
from circuits.scores import ROUNDING, EdgeScores

if TYPE_CHECKING:
    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

# Effects that are larger are not looked at again for whether they are rounding.
_LARGE = 1e-2


def estimating(name: str, role: str) -> Method:
    """The method of a name, with its own settings. ValueError for one that is no estimate of edges.

    role  what it is to the method that begins with it, such as `screen of exact-edges`
    """
    return lookup({known: method for known, method in METHODS.items() if method.sums_to_nodes}, name, role)()


def estimated(
    by: Method, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation, *, refusal: str
) -> EdgeScores:
    """Scores [prompt, edge]. ValueError, with these words, where every edge scores 0 but for rounding, as then none is
    ranked before another. Cost: that of `by`; and two forward passes where effects are small."""
    scores = by.score(model, prompts, metric=metric, ablation=ablation)
    assert isinstance(scores, EdgeScores)
    largest = float(np.abs(scores.per_prompt).max())
    is_small = largest < _LARGE and by.scores_are == "estimated"
    if is_small and largest <= ROUNDING * _size(model, prompts, metric, ablation):
        raise ValueError(refusal)
    return scores


def _size(model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation) -> float:
    """The largest value of the metric, whatever its sign, on clean and on ablated runs."""
    import torch

    from circuits.effects.paired_runs import each_pair

    sizes: list[float] = []

    def measure(pair: Pair) -> None:
        for run in (pair.clean, pair.ablated):
            sizes.append(float(pair.metric_of(model.forward, run).abs().max()))

    with torch.no_grad():
        each_pair(model, prompts, metric, ablation, measure)
    return max(sizes)
