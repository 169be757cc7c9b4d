"""Several methods decide together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, strength_of, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.registry import register
from graphs.selection.selected import Selected

How = Literal["mean", "min", "max"]


@register
@dataclass(frozen=True)
class Ensemble(Selection):
    """`n` edges on the strongest paths, ranked by their ranks under several methods.

    mean   of the ranks: edges that are high everywhere, or very high somewhere
    min    the best of the ranks: edges that any method puts first (a union)
    max    the worst of the ranks: edges that every method puts first (an intersection)

    Source: Mondorf et al. 2025, where ensembles were among the best entries of MIB's shared task. They combine scores;
    ranks let methods with different units decide together. Edges that tie have the mean of their ranks. Edges that
    some method did not measure are left out.

    A discovery measures the other methods on the prompts that choose. Stored runs, of any methods, seeds or prompts of
    one model, are combined in Python: `Ensemble(60).choose(first.scores, others=(second.scores, third.scores))`. Then
    judge the circuit on prompts that chose none of them: which these are, only their caller knows.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Ensemble
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores, others = (METHODS[name]().score(model, prompts, metric=metric) for name in ("eap", "relp"))
    >>> Ensemble(60).choose(scores, others=(others,)).n_edges
    60
    """

    name = "ensemble"
    summary = "n edges on the strongest paths, by the mean, best or worst of their ranks under several methods"
    can_resample = False
    combines = True

    n: int  # edges of the circuit
    methods: tuple[str, ...] = ()  # other methods, with their own settings at their defaults, beside the run's own
    how: How = "mean"
    absolute: bool = True  # False: rank by signed score

    def __post_init__(self) -> None:
        require_count("n", self.n)
        if self.how not in get_args(How):
            raise ValueError(f"how={self.how!r} is no way to combine ranks. Known: {', '.join(get_args(How))}.")

    def choose(
        self, scores: EdgeScores, node_scores: ComponentScores | None = None, *, others: Sequence[EdgeScores] = ()
    ) -> Selected:
        """Also raises a ValueError without scores of other methods, and for scores of another model."""
        self._require_fitting(scores, others)
        together, wiring, n = (scores, *others), scores.wiring, self.n
        measured = np.logical_and.reduce([each.measured for each in together])
        ranks = np.stack([_ranks(strength_of(each.means, absolute=self.absolute), measured) for each in together])
        combined = {"mean": ranks.mean(axis=0), "min": ranks.min(axis=0), "max": ranks.max(axis=0)}[self.how]
        circuit, ties = with_ties(-combined, measured, lambda order: grow(wiring, order, n))
        named = replace(self, methods=tuple(each.provenance.method for each in others))
        return keep_circuit(named, scores, circuit, tied_out=ties, size_note=size_note(circuit, n, measured))

    def choose_with(
        self, others: Sequence[EdgeScores], scores: EdgeScores, node_scores: ComponentScores | None = None
    ) -> Selected:
        return self.choose(scores, others=others)

    def _require_fitting(self, scores: EdgeScores, others: Sequence[EdgeScores]) -> None:
        if not others:
            raise ValueError(
                "an ensemble ranks by the scores of several methods, and got those of one. Name others in `methods`, "
                "or give their scores as `others`."
            )
        for other in others:
            if other.wiring != scores.wiring:
                raise ValueError(f"scores of {scores.wiring} and of {other.wiring}: measure all on one model.")


def _ranks(strength: Floats, measured: Bools) -> Floats:
    """[edge] rank among the measured edges, from 1 for the strongest; the mean rank of edges that tie."""
    different, which, counts = np.unique(-strength[measured], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = np.full(len(strength), float(len(different) + 1))
    ranks[measured] = (last - (counts - 1) / 2)[which]
    return ranks
