"""The edges of highest score."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, cut, keep, keep_circuit, n_tied_out, require_count, strength_of, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.registry import register
from graphs.selection.selected import Selected
from graphs.selection.unscored import with_unscored


@register
@dataclass(frozen=True)
class TopEdges(Selection):
    """The `n` measured edges of highest |mean score|, less those on no path from `input` to `logits`; ties in order.

    At most `n` edges are left, often far fewer. Where none is, the circuit of rule `grown` stands in, and a note says
    so; in the MIB benchmark (Mueller et al. 2025), whose rule this is, the circuit is empty then.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import TopEdges
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> TopEdges(60).choose(scores).n_edges
    56
    """

    name = "top-edges"
    summary = "the n strongest edges, less those that lie on no path"

    n: int  # edges chosen, before dead ends are dropped
    absolute: bool = True  # False: rank by signed score, so that only supporting edges come first
    keeps_unscored: bool = False  # also keep edges that were not measured, between components that chosen ones touch

    def __post_init__(self) -> None:
        require_count("n", self.n)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        ranking = scores.ranking(absolute=self.absolute)
        chosen = ranking[: self.n]
        strength, wiring, n = strength_of(scores.means, absolute=self.absolute), scores.wiring, self.n
        selected = keep(self, scores, with_unscored(scores, chosen) if self.keeps_unscored else chosen)
        if selected.n_edges or not n:
            return cut(selected, edges=n_tied_out(strength[ranking], n))
        circuit, ties = with_ties(strength, scores.measured, lambda order: grow(wiring, order, n))
        if not circuit.any():
            return selected
        note = f"the {n} strongest edges make no path from input to logits: the circuit was grown along paths instead."
        of_size = size_note(circuit, n, scores.measured)
        return keep_circuit(self, scores, circuit, tied_out=ties, notes=(note,), size_note=of_size)
