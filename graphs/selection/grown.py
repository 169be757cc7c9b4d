"""The default: a connected circuit of exactly the size asked for, of the edges on the strongest paths."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.arrays import Bools, Floats
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, strength_of, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.growth_many import grow_many
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class Grown(Selection):
    """The `n` measured edges on the strongest paths from `input` to `logits`, where a path is as strong as its weakest
    edge (`graphs.selection.growth`).

    Exactly `n` edges, fewer only where no more lie on paths or none fits, more only where the shortest path has more:
    notes say so. Never empty while there is a path. Ties in wiring order.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Grown(60).choose(scores).n_edges
    60
    """

    name = "grown"
    summary = "exactly n edges, on the strongest paths from input to logits"
    takes_many = True

    n: int  # edges of the circuit
    absolute: bool = True  # False: rank by signed score, so that only supporting edges come first

    def __post_init__(self) -> None:
        require_count("n", self.n)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        wiring, n = scores.wiring, self.n
        strength = strength_of(scores.means, absolute=self.absolute)
        circuit, ties = with_ties(strength, scores.measured, lambda order: grow(wiring, order, n))
        return keep_circuit(self, scores, circuit, tied_out=ties, size_note=size_note(circuit, n, scores.measured))

    def circuits_of(self, scores: EdgeScores, means: Floats) -> Bools:
        return grow_many(scores.wiring, strength_of(means, absolute=self.absolute), scores.measured, self.n)
