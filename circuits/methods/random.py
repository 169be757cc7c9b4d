"""Random scores: the baseline that every ranking of edges has to beat. No model is run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Floats
from circuits.data.prompts import Prompt, PromptSet
from circuits.methods.base import CORRUPT, Method
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.scores import EdgeScores

if TYPE_CHECKING:
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class RandomScores(Method):
    """Independent standard normal scores, per prompt and edge; neither metric nor ablation plays a part.

    seed  draws the scores, with the prompt's tokens: the same prompt gets the same scores in any set of prompts
    """

    name = "random"
    summary = "standard normal scores, the baseline; runs no model"
    scores_are = "drawn"
    result = "edges"
    sums_to_nodes = True

    seed: int = 0

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> EdgeScores:
        """Random scores [prompt, edge]."""
        self.check(model, prompts, metric, ablation)
        n_edges = model.wiring.n_edges
        scores = np.stack([self._drawn(prompt, n_edges) for prompt in prompts])
        measured = np.ones(n_edges, dtype=np.bool_)
        return EdgeScores(model.wiring, scores, measured, self.provenance(model, prompts, metric, ablation))

    def _drawn(self, prompt: Prompt, n_edges: int) -> Floats:
        digest = hashlib.sha256(repr((self.seed, prompt.clean, prompt.corrupt)).encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest, "big"))
        return generator.standard_normal(n_edges, dtype=np.float32)
