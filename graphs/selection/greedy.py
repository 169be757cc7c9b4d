"""Growth from the logits, as in EAP-IG."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.components import Wiring
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.base import Selection, keep_circuit, require_count, strength_of, with_ties
from graphs.selection.growth import grow, size_note
from graphs.selection.layout import layout_of
from graphs.selection.registry import register
from graphs.selection.selected import Selected
from graphs.selection.strongest_paths import ranks_of, strongest_paths


@register
@dataclass(frozen=True)
class Greedy(Selection):
    """`n` edges grown from the logits: again and again the strongest edge into what is already in the circuit.

    Follows the greedy selection of EAP-IG (Hanna et al. 2024), which drops edges that the input does not reach: on a
    large model that may leave nothing. Here each edge brings what its source lacks, the strongest way from `input` to
    it. A way that does not fit into what is left is passed over. A head that joins opens its query input, and the key
    and value inputs it attends with. Ties in wiring order.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Greedy
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> Greedy(60).choose(scores).n_edges
    60
    """

    name = "greedy"
    summary = "n edges grown from the logits, each with its strongest way from the input"

    n: int  # edges of the circuit
    absolute: bool = True  # False: rank by signed score

    def __post_init__(self) -> None:
        require_count("n", self.n)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        wiring, n = scores.wiring, self.n
        strength = strength_of(scores.means, absolute=self.absolute)

        def circuit_of(order: Numbers) -> Bools:
            return grow(wiring, order, n, _from_logits(wiring, order, n))

        circuit, ties = with_ties(strength, scores.measured, circuit_of)
        return keep_circuit(self, scores, circuit, tied_out=ties, size_note=size_note(circuit, n, scores.measured))


def _from_logits(wiring: Wiring, order: Numbers, n: int) -> Bools:
    """[edge] a connected circuit of `n` edges at most, less where the last do not fit.

    order  edges that may be used, best first
    """
    layout, ranks, circuit = layout_of(wiring), ranks_of(wiring, order), np.zeros(wiring.n_edges, dtype=np.bool_)
    ways = strongest_paths(wiring, ranks, circuit)
    by_reader = order[np.argsort(layout.target[order], kind="stable")]  # best first within each reader
    starts = np.searchsorted(layout.target[by_reader], np.arange(len(layout.feeds) + 1))
    readers = [[reader for reader, fed in enumerate(layout.feeds) if w in fed] for w in range(layout.end + 1)]
    candidates: list[tuple[int, int, int]] = []  # (rank, index in by_reader, reader): each opened reader's best left
    is_open, is_reached = [False] * len(layout.feeds), [False] * (layout.end + 1)
    is_reached[0], left = True, n

    def offer(index: int, reader: int) -> None:
        if index < starts[reader + 1]:
            heapq.heappush(candidates, (int(ranks[by_reader[index]]), index, reader))

    def open_readers(writer: int) -> None:
        for reader in readers[writer]:
            if not is_open[reader]:
                is_open[reader] = True
                offer(int(starts[reader]), reader)

    open_readers(layout.end)
    while left and candidates:
        _, index, reader = heapq.heappop(candidates)
        offer(index + 1, reader)
        edge, source = int(by_reader[index]), int(layout.source[by_reader[index]])
        if circuit[edge] or ways.weakest[edge] == ways.never:
            continue
        joining = [edge]
        while not is_reached[source]:
            joining.append(ways.edge_into(source))
            source = int(layout.source[joining[-1]])
        joining = [number for number in joining if not circuit[number]]
        if len(joining) > left:
            continue
        circuit[joining], left = True, left - len(joining)
        for number in joining:
            open_readers(int(layout.source[number]))
            for fed in layout.feeds[layout.target[number]]:
                is_reached[fed] = True
    return circuit
