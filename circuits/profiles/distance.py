"""How far back a head attends."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Distance(Profile):
    """Mean distance in tokens between a query and what it attends to, each counted up to a window; mean over queries.

    Source: windowed average attention distance (WAAD), "Attention Illuminates LLM Reasoning", 2025.
    """

    name = "distance"
    summary = "how many tokens back attention goes, up to a window, mean over queries"
    unit = "tokens"
    bounds = (0, None)

    window: int = 10

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window={self.window} holds no token: give 1 or more.")

    def read(self, seen: LayerSeen) -> Seen:
        position = torch.arange(seen.n_positions, device=seen.pattern.device)
        back = (position[:, None] - position).clamp(0, self.window).to(seen.pattern)
        return mean_over((seen.pattern * back).sum(-1), torch.ones_like(seen.tokens, dtype=torch.bool))
