"""Discrete coding of pairs: edges between heads are scored by the pairs of codes that only positives show.

Source: O'Neill & Bui 2024, who count the heads of the best pairs; here the pairs themselves are scored, so that they
can be compared with other methods' edges. Only pairs in the order of the layers are edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.citations import ONEILL_2024
from circuits.components import Component, Wiring
from circuits.methods.head_code_base import CodingMethod
from circuits.methods.registry import register
from circuits.scores import EdgeScores, Provenance

if TYPE_CHECKING:
    from circuits.head_codes.counting import Codes, Pairs


@register
@dataclass(frozen=True)
class CodePairs(CodingMethod):
    """Score edges between heads by how many pairs of codes are seen together on positives and on no negative.

    Codes do not tell queries, keys and values apart: each of the three edges between two heads has the pair's score,
    and one into a key or value that serves several heads the mean of their pairs. Edges of the input, MLPs and logits
    are not scored.
    """

    name = "code-pairs"
    cites = (ONEILL_2024,)
    summary = "counts pairs of autoencoder codes that two heads show together on clean (positive) prompts only"
    result = "edges"
    scores_paths: ClassVar[bool] = False

    def scores_of(self, codes: Codes, is_positive: Bools, wiring: Wiring, provenance: Provenance) -> EdgeScores:
        """Scores [positive prompt, edge], means over trials."""
        from circuits.head_codes.counting import pair_codes, shares_of_prompts

        pairs, spread, measured = _edges_between_heads(wiring)
        per_prompt = np.zeros((int(is_positive.sum()), len(pairs.first)))
        trials = np.zeros((len(codes), len(pairs.first)))
        for number, trial in enumerate(codes):
            for part, together in pair_codes(trial, pairs):
                shares = shares_of_prompts(together, is_positive)
                per_prompt[:, part] += shares / len(codes)
                trials[number, part] = shares.mean(axis=0)
        return EdgeScores(wiring, _as_edges(per_prompt, spread), measured, provenance, trials=_as_edges(trials, spread))


def _edges_between_heads(wiring: Wiring) -> tuple[Pairs, Any, Bools]:
    """Pairs of heads of different layers; [pair, edge] what a pair adds to each edge; [edge] which edges these are."""
    from scipy.sparse import csr_array

    from circuits.head_codes.counting import Pairs

    both = Pairs.of(wiring.n_layers * wiring.n_heads)
    is_ordered = both.first // wiring.n_heads < both.second // wiring.n_heads
    pairs = Pairs(both.first[is_ordered], both.second[is_ordered])
    pair_numbers = {pair: index for index, pair in enumerate(zip(*(side.tolist() for side in pairs), strict=True))}
    rows, columns, shares = [], [], []
    for index, edge in enumerate(wiring.edges):
        if edge.port is None or not edge.source.is_head:
            continue
        targets = wiring.writers_fed_by(edge.target)
        for target in targets:
            rows.append(pair_numbers[_head_number(edge.source, wiring), _head_number(target, wiring)])
            columns.append(index)
            shares.append(1 / len(targets))
    spread = csr_array((shares, (rows, columns)), shape=(len(pairs.first), wiring.n_edges))
    measured = np.zeros(wiring.n_edges, dtype=np.bool_)
    measured[columns] = True
    return pairs, spread, measured


def _head_number(of: Component, wiring: Wiring) -> int:
    """The number of a head among all heads, counted layer by layer."""
    assert of.layer is not None
    assert of.index is not None
    return of.layer * wiring.n_heads + of.index


def _as_edges(values: Floats, spread: Any) -> Floats:
    """[..., edge] from values [..., pair]."""
    return np.asarray(values @ spread, dtype=np.float32)
