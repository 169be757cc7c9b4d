"""Whether a head attends to the token that it stands on, wherever that is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.profiles.registry import register
from circuits.profiles.weights import ModelWeights, WeightProfile, eigenvalues, positive_share, share_of


@register
@dataclass(frozen=True)
class Matching(WeightProfile):
    """Eigenvalues of the attention score between tokens as the embedding has them, their sum over that of sizes.

    1 where each token's score is highest with itself, as in a duplicate-token head of the first layer; `positive` as in
    `copying`.

    distance  how many tokens the query is behind the key, for models that rotate by position
    """

    name = "matching"
    summary = "whether a token attends to the same token (QK over tokens), from weights"
    unit = "share of eigenvalues"
    bounds = (-1, 1)

    distance: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return ("sum", "positive")

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        heads = weights.heads(number, distance=self.distance)
        values = eigenvalues(heads.k, heads.q, weights.tokens_to_tokens)
        return torch.stack((share_of(values), positive_share(values)))
