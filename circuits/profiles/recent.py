"""Attention to the last few tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.data.prompts import END, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Recent(Profile):
    """Attention of the queries of a role to their own and the tokens right before, mean over queries.

    Heads that gather what earlier layers put on the last tokens (Lieberum et al. 2023) have much of it at END.

    query   a role
    window  how many tokens, the query's own included
    """

    name = "recent"
    summary = "attention at a role, by default END, to its own and the tokens right before"
    unit = "share of attention"

    query: str = END
    window: int = 3

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window={self.window} holds no token: give 1 or more.")

    def check(self, prompts: PromptSet) -> None:
        require_role(prompts, self.query, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        position = torch.arange(seen.n_positions, device=seen.pattern.device)
        back = position[:, None] - position
        is_near = ((back >= 0) & (back < self.window)).to(seen.pattern)
        queries = role_mask(seen.prompts, self.query, seen.n_positions, seen.pattern.device)
        return mean_over((seen.pattern * is_near).sum(-1), queries)
