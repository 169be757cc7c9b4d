"""The edges that score at least so much."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep, keep_circuit, require_finite, strength_of, with_ties
from graphs.selection.growth import strongest_path
from graphs.selection.registry import register
from graphs.selection.selected import Selected
from graphs.selection.unscored import with_unscored


@register
@dataclass(frozen=True)
class Threshold(Selection):
    """The measured edges whose |mean score| is at least `minimum`, less those on no path of such edges.

    Where none is left, the path whose weakest edge is strongest: the first to come as the threshold falls.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Threshold
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Threshold(0.3).choose(scores).n_edges
    25
    """

    name = "threshold"
    summary = "edges that score at least a minimum, less those that lie on no path"

    minimum: float  # in units of the metric
    absolute: bool = True  # False: compare the signed score
    keeps_unscored: bool = False  # also keep edges that were not measured, between components that chosen ones touch

    def __post_init__(self) -> None:
        require_finite("minimum", self.minimum)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        strength, wiring = strength_of(scores.means, absolute=self.absolute), scores.wiring
        chosen = np.flatnonzero(scores.measured & (strength >= self.minimum))
        selected = keep(self, scores, with_unscored(scores, chosen) if self.keeps_unscored else chosen)
        if selected.n_edges:
            return selected
        circuit, ties = with_ties(strength, scores.measured, lambda order: strongest_path(wiring, order))
        if not circuit.any():
            return selected
        instead = keep_circuit(self, scores, circuit, tied_out=ties)
        note = (
            f"no path of edges that score {self.minimum:g} or more leads from input to logits ({len(chosen)} such "
            f"edges): the best path is kept, whose weakest edge scores {instead.threshold:z.3g}."
        )
        return replace(instead, notes=(note,))
