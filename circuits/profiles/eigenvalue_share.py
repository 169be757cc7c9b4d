"""Whether the OV and QK circuits of a head keep the directions of the stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.profiles.registry import register
from circuits.profiles.weights import ModelWeights, WeightProfile, eigenvalues, share_of


@register
@dataclass(frozen=True)
class EigenvalueShare(WeightProfile):
    """Sum of eigenvalues over the sum of their sizes, of OV and of QK in the stream itself, whatever tokens there are.

    ov  1 where the head writes what it reads, in the direction in which it reads it; -1 where it takes it away
    qk  1 where a query scores highest with a key of the same direction

    distance  how many tokens the query is behind the key, for models that rotate by position
    """

    name = "eigenvalue-share"
    summary = "sum of eigenvalues over that of their sizes, of OV and QK in the stream, from weights"
    unit = "share of eigenvalues"
    bounds = (-1, 1)

    distance: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return ("ov", "qk")

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        heads = weights.heads(number, distance=self.distance)
        return torch.stack((share_of(eigenvalues(heads.v, heads.o)), share_of(eigenvalues(heads.k, heads.q))))
