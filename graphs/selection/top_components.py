"""The heads and MLPs of highest score, and edges among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.among import candidates_of, keep_among
from graphs.selection.base import Selection, cut, n_tied_out, require_count
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class TopComponents(Selection):
    """The `n` heads and MLPs of highest |mean score|, and the edges among them, `input` and `logits`.

    Where only heads were scored, all MLPs stay, and the other way round.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import TopComponents
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> TopComponents(6).choose(scores, scores.node_scores()).n_edges
    47
    """

    name = "top-components"
    summary = "the n strongest heads and MLPs, with the edges among them"
    chooses = "components"

    n: int
    n_edges: int | None = None  # edges kept among them, on the strongest paths; None: all that were measured
    position: str | None = None  # where component scores are read; None: their only position, or `all`
    absolute: bool = True  # False: rank components and edges by signed score

    def __post_init__(self) -> None:
        require_count("n", self.n)
        require_count("n_edges", self.n_edges)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        candidates = candidates_of(scores, node_scores, name=self.name, position=self.position, absolute=self.absolute)
        order = np.argsort(-candidates.strength, kind="stable")
        best = [*(candidates.components[i] for i in order[: self.n]), *candidates.unscored]
        tied = n_tied_out(candidates.strength[order], self.n)
        return cut(keep_among(self, scores, best, n_edges=self.n_edges, absolute=self.absolute), components=tied)
