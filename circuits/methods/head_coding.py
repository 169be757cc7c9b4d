"""Discrete head coding: heads are scored by how many of their autoencoder codes only positives show.

u = how many different codes a head has on positives and on no negative. Source: O'Neill & Bui 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Bools
from circuits.citations import ONEILL_2024
from circuits.components import Wiring, head
from circuits.head_codes.scoring import SCORES, head_scores
from circuits.lookup import lookup
from circuits.methods.head_code_base import CodingMethod
from circuits.methods.registry import register
from circuits.scores import ALL_POSITIONS, ComponentScores, Provenance

if TYPE_CHECKING:
    from circuits.head_codes.counting import Codes


@register
@dataclass(frozen=True)
class HeadCoding(CodingMethod):
    """Score heads by the codes that only positives show. MLPs are not scored.

    by  `counts`: u; `share`: u over the number of different codes; `softmax`, `layer-softmax`: of u over all heads or
        those of a layer; `pairs`: how often a head occurs in the pairs of heads with most positive-only code pairs;
        `coverage`: share of the positives that show a positive-only code; `distance`: how different the codes'
        frequencies on positives and negatives are (total variation)
    """

    name = "head-coding"
    cites = (ONEILL_2024,)
    summary = "counts autoencoder codes that heads show on clean (positive) prompts only; patches nothing"
    result = "components"

    by: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        lookup(SCORES, str(self.by), f"score of {self.name}")

    def scores_of(self, codes: Codes, is_positive: Bools, wiring: Wiring, provenance: Provenance) -> ComponentScores:
        """Scores [positive prompt, all, head], means over trials."""
        per_trial = [head_scores(str(self.by), trial, is_positive, n_layers=wiring.n_layers) for trial in codes]
        scores = np.mean(per_trial, axis=0)[:, None].astype(np.float32)
        means = np.stack([trial.mean(axis=0) for trial in per_trial])[:, None].astype(np.float32)
        heads = tuple(head(layer, number) for layer in range(wiring.n_layers) for number in range(wiring.n_heads))
        measured = np.ones(scores.shape, dtype=np.bool_)
        return ComponentScores(wiring, heads, (ALL_POSITIONS,), scores, measured, provenance, means)
