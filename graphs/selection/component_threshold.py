"""The heads and MLPs that score at least so much, and edges among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.among import candidates_of, keep_among
from graphs.selection.base import Selection, require_count, require_finite
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class ComponentThreshold(Selection):
    """Heads and MLPs of |mean score| at least `minimum`, and the edges among them, `input` and `logits`.

    Where only heads were scored, all MLPs stay, and the other way round, unless `keeps_unscored` is False.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import ComponentThreshold
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> ComponentThreshold(1.0).choose(scores, scores.node_scores()).n_edges
    159
    """

    name = "component-threshold"
    summary = "heads and MLPs that score at least a minimum, with the edges among them"
    chooses = "components"

    minimum: float  # in units of the metric
    n_edges: int | None = None  # edges kept among them, on the strongest paths; None: all that were measured
    position: str | None = None  # where component scores are read; None: their only position, or `all`
    absolute: bool = True  # False: compare signed scores
    keeps_unscored: bool = True  # False: keep only scored components

    def __post_init__(self) -> None:
        require_finite("minimum", self.minimum)
        require_count("n_edges", self.n_edges)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        candidates = candidates_of(scores, node_scores, name=self.name, position=self.position, absolute=self.absolute)
        strong = [candidates.components[i] for i in np.flatnonzero(candidates.strength >= self.minimum)]
        members = [*strong, *(candidates.unscored if self.keeps_unscored else ())]
        return keep_among(self, scores, members, n_edges=self.n_edges, absolute=self.absolute)
