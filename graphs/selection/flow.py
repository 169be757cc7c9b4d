"""The circuit with the largest sum of scores, as a whole-number program."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, strength_of
from graphs.selection.best_sum import best_sum
from graphs.selection.growth import grow, size_note
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class Flow(Selection):
    """The connected circuit of `n` edges whose |mean scores| have the largest sum: every node used has a way in and
    a way out.

    Source: Nikankin et al. 2025 (integer linear program); they leave out the way in. Solved by `scipy.optimize.milp`
    (HiGHS), over as many of the strongest edges as it takes to prove the optimum, or as the time limit allows: then the
    best circuit so far is kept, at least that of rule `grown`, and a note says how far from the optimum it may be. Only
    then does the circuit depend on the machine.

    The largest sum is not the most faithful circuit: at the same size, rule `grown` is mostly more faithful, though its
    sum is lower (`graphs.selection.growth`).

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Flow
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Flow(60).choose(scores).n_edges
    60
    """

    name = "flow"
    summary = "n connected edges with the largest sum of scores (a whole-number program)"
    can_resample = False
    takes_long = True

    n: int  # edges of the circuit
    absolute: bool = True  # False: the largest sum of signed scores
    time_limit: float = 30.0  # seconds

    def __post_init__(self) -> None:
        require_count("n", self.n)
        if not self.time_limit > 0:
            raise ValueError(f"time_limit={self.time_limit!r} leaves no time: give a number of seconds above 0.")

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        strength, wiring = strength_of(scores.means, absolute=self.absolute), scores.wiring
        start = grow(wiring, scores.ranking(absolute=self.absolute), self.n)
        of_size = size_note(start, self.n, scores.measured)
        if not start.any():
            return keep_circuit(self, scores, start)
        best = best_sum(wiring, strength, scores.measured, start, time_limit=self.time_limit)
        notes = ()
        if best.gap > 0:
            notes = (
                f"in {self.time_limit:g} s the largest sum of scores was not proven: it may be up to "
                f"{max(best.gap, 1e-4):.2%} above that of the circuit. Allow more with time_limit.",
            )
        return keep_circuit(self, scores, best.circuit, notes=notes, size_note=of_size)
