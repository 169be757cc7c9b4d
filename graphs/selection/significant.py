"""Edges of whose effect the prompts leave no doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, strength_of, with_ties
from graphs.selection.growth import connect, grow, size_note, strongest_path
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class Significant(Selection):
    """The edges whose interval of the mean score over prompts excludes 0, each with its strongest connection.

    Student's t interval over prompts, or over trials where a method draws some. Of connections, those of significant
    edges come first. With `n`, exactly `n` edges on the strongest paths, significant edges before all others. Source:
    Nikankin et al. 2025, who bootstrap, drop the edges whose sign may change, and connect by a greedy selection.

    Each edge is judged alone: of edges without any effect, `1 - level` pass by chance.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Significant
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Significant().choose(scores).n_edges
    105
    """

    name = "significant"
    summary = "edges whose interval of the mean score excludes 0, with their connections"
    can_resample = False

    n: int | None = None  # edges of the circuit; None: all significant ones, and what connects them
    level: float = 0.95  # of the interval
    absolute: bool = True  # False: only edges whose interval lies above 0

    def __post_init__(self) -> None:
        require_count("n", self.n)
        if not 0 < self.level < 1:
            raise ValueError(f"level={self.level!r} is not a level of confidence: give a number between 0 and 1.")

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        wiring, n, passed = scores.wiring, self.n, self._passed(scores)
        strength = strength_of(scores.means, absolute=self.absolute)

        def circuit_of(order: Numbers) -> Bools:
            first = np.concatenate([order[passed[order]], order[~passed[order]]])
            if n is not None:
                return grow(wiring, first, n)
            connected = connect(wiring, first, np.flatnonzero(passed))
            return connected if connected.any() else strongest_path(wiring, first)

        circuit, ties = with_ties(strength, scores.measured, circuit_of)
        of_size = None if n is None else size_note(circuit, n, scores.measured)
        notes = self._notes(passed, circuit)
        n_passed = int(passed.sum())
        return keep_circuit(self, scores, circuit, n_chosen=n_passed, tied_out=ties, notes=notes, size_note=of_size)

    def _passed(self, scores: EdgeScores) -> Bools:
        low, high = scores.interval(level=self.level)
        return scores.measured & ((low > 0) | (high < 0) if self.absolute else low > 0)

    def _notes(self, passed: Bools, circuit: Bools) -> tuple[str, ...]:
        """Where edges are in the circuit that did not pass: how many, and why."""
        n_edges, n_others = int(np.count_nonzero(circuit)), int(np.count_nonzero(circuit & ~passed))
        if not n_others:
            return ()
        sign = "excludes 0" if self.absolute else "lies above 0"
        why = "they connect the others" if (circuit & passed).any() else "they are the best path there is"
        return (
            f"{n_others:,} of the circuit's {n_edges:,} edges have no {self.level:.0%} interval that {sign}: {why}.",
        )
