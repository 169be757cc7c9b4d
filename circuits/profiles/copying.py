"""Whether a head copies: what a token that it reads does to the logit of that token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.profiles.registry import register
from circuits.profiles.weights import ModelWeights, WeightProfile, eigenvalues, positive_share, share_of


@register
@dataclass(frozen=True)
class Copying(WeightProfile):
    """OV copying score: eigenvalues of the way from tokens through the head to logits, their sum over that of sizes.

    1 where each token raises its own logit, -1 where it lowers it, near 0 where neither. `sum` is that share,
    `positive` the share of eigenvalues (other than 0) whose real part is positive.

    first_mlp  the token's embedding with what the first MLP makes of it, in place of the embedding alone: where the
               first layer rewrites tokens, later heads read that

    Source: Elhage et al. 2021.
    """

    name = "copying"
    summary = "whether a token that is read raises its own logit (OV copying score), from weights"
    unit = "share of eigenvalues"
    bounds = (-1, 1)

    first_mlp: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return ("sum", "positive")

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        heads = weights.heads(number)
        values = eigenvalues(heads.v, heads.o, weights.tokens_to_logits(first_mlp=self.first_mlp).T)
        return torch.stack((share_of(values), positive_share(values)))
