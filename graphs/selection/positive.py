"""Mostly edges that support the behavior, and the strongest that work against it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.registry import register
from graphs.selection.selected import Selected


@register
@dataclass(frozen=True)
class Positive(Selection):
    """`n` edges on the strongest paths by |mean score|, of which at least a share scores above 0.

    Ranking by size lets negative edges in, ranking by signed score keeps them out: this is between the two. As many of
    the best positive edges come first in the ranking as it takes. Source: Nikankin et al. 2025 (ratio of positive
    edges), without their paths. Ties in wiring order.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Positive
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Positive(60).choose(scores).n_edges
    60
    """

    name = "positive"
    summary = "n edges on the strongest paths, at least a share of them positive"

    n: int  # edges of the circuit
    share: float = 0.75  # least share of the circuit's edges that score above 0

    def __post_init__(self) -> None:
        require_count("n", self.n)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share!r} is not a share of the edges: give a number from 0 to 1.")

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        means = scores.means
        circuit, ties = with_ties(np.abs(means), scores.measured, lambda order: self._circuit_of(scores, order, means))
        share, notes = _share(circuit, means), ()
        if not self._has_share(circuit, means):
            notes = (f"{share:.0%} of the edges are positive, and {self.share:.0%} were asked for: no more connect.",)
        of_size = size_note(circuit, self.n, scores.measured)
        return keep_circuit(self, scores, circuit, tied_out=ties, notes=notes, size_note=of_size)

    def _circuit_of(self, scores: EdgeScores, order: Numbers, means: Floats) -> Bools:
        """The circuit with as few positive edges put first as give it the share; with all of them where none has it."""
        positive = order[means[order] > 0]

        def with_first(n_first: int) -> Bools:
            first = positive[:n_first]
            is_first = np.zeros(len(means), dtype=np.bool_)
            is_first[first] = True
            return grow(scores.wiring, np.concatenate([first, order[~is_first[order]]]), self.n)

        circuit, low, high = with_first(0), 0, min(math.ceil(self.share * self.n), len(positive))
        if self._has_share(circuit, means):
            return circuit
        while not self._has_share(circuit := with_first(high), means):
            if high == len(positive):
                return circuit
            low, high = high, min(2 * high, len(positive))
        while high - low > 1:
            middle = (low + high) // 2
            if self._has_share(fewer := with_first(middle), means):
                circuit, high = fewer, middle
            else:
                low = middle
        return circuit

    def _has_share(self, circuit: Bools, means: Floats) -> bool:
        return not circuit.any() or _share(circuit, means) >= self.share


def _share(circuit: Bools, means: Floats) -> float:
    """Share of a circuit's edges that score above 0; 0 of none."""
    n_edges = np.count_nonzero(circuit)
    return float(np.count_nonzero(circuit & (means > 0)) / n_edges) if n_edges else 0.0
