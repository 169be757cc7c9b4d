"""How strongly, and in how many directions, a head's OV and QK circuits act."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.profiles.registry import register
from circuits.profiles.weights import ModelWeights, WeightProfile, singular_values


@register
@dataclass(frozen=True)
class SingularValues(WeightProfile):
    """The largest singular values of OV and QK (with the scale of attention scores), their sum, and in how many
    directions they act.

    `ov 1`, `ov 2`, ... are values; `ov sum` the sum of all, the nuclear norm; `ov rank` the effective rank, the square
    of the sum over the sum of squares: n where n are equal and all others 0. Likewise for `qk`.

    first     how many values are given
    distance  how many tokens the query is behind the key, for models that rotate by position
    """

    name = "singular-values"
    summary = "largest singular values of OV and QK, their sum, and how many directions they amount to, from weights"
    unit = "singular value"
    bounds = (0, None)

    first: int = 3
    distance: int = 0

    def __post_init__(self) -> None:
        if self.first < 1:
            raise ValueError(f"first={self.first} gives no singular value: give 1 or more.")

    @property
    def names(self) -> tuple[str, ...]:
        which = [*map(str, range(1, self.first + 1)), "sum", "rank"]
        return tuple(f"{circuit} {name}" for circuit in ("ov", "qk") for name in which)

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        heads, rows = weights.heads(number, distance=self.distance), []
        for left, right in ((heads.v, heads.o), (heads.k, heads.q)):
            values = singular_values(left, right)
            total, squares = values.sum(-1), values.square().sum(-1)
            missing = values.new_zeros(len(values), max(0, self.first - values.shape[1]))
            rows += [*torch.cat((values, missing), dim=1)[:, : self.first].T, total]
            rows.append(torch.where(squares > 0, total.square() / torch.where(squares > 0, squares, 1), 0))
        return torch.stack(rows)
