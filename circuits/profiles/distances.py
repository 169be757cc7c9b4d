"""How a head's attention is spread over distances."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.data.prompts import PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen
from circuits.profiles.registry import register

BEYOND = "more"


@register
@dataclass(frozen=True)
class Distances(Profile):
    """Share of attention that goes 0, 1, 2, ... tokens back, up to a window, and to `more`; mean over queries.

    The shares of a head add up to 1; with their distances counted up to the window they add up to profile `distance`.
    """

    name = "distances"
    summary = "share of attention at each distance, up to a window, and beyond it, mean over queries"
    unit = "share of attention"
    by_default = False

    window: int = 10

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window={self.window} holds no token: give 1 or more.")

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return (*map(str, range(self.window)), BEYOND)

    def read(self, seen: LayerSeen) -> Seen:
        n = seen.n_positions
        near = range(min(self.window, n))
        shares = seen.pattern.new_zeros(*seen.pattern.shape[:2], self.window + 1)
        for back in near:
            shares[..., back] = seen.pattern.diagonal(-back, dim1=2, dim2=3).sum(-1)
        shares[..., -1] = seen.pattern.tril(-self.window).sum((2, 3))
        ahead = seen.pattern.triu(1).sum((2, 3))  # of models that see what follows; counted as no distance
        shares[..., 0] += ahead
        return Seen(
            (shares / n).transpose(1, 2).contiguous(), torch.ones(len(shares), self.window + 1, dtype=torch.bool)
        )
