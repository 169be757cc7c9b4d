"""How much later tokens attend to a token: its influence on what follows."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.data.prompts import PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, role_mask
from circuits.profiles.registry import register
from circuits.scores import ALL_POSITIONS


@register
@dataclass(frozen=True)
class LaterAttention(Profile):
    """Attention that a token gets from the tokens `nearest` to `farthest` behind it, mean over those; mean over tokens.

    Over all tokens, and over those of each role. Tokens that no such token follows do not count, and a prompt without
    any other is not measured there. Source: future attention influence (FAI), "Attention Illuminates LLM Reasoning",
    2025.
    """

    name = "later-attention"
    summary = "attention that tokens get from those behind them (FAI), over all tokens and those of each role"
    unit = "share of attention"
    by_default = False

    nearest: int = 1
    farthest: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.nearest <= self.farthest:
            raise ValueError(
                f"nearest={self.nearest}, farthest={self.farthest}: give tokens, the first 1 or more and no larger."
            )

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return (ALL_POSITIONS, *dict.fromkeys(role for prompt in prompts for role in prompt.roles))

    def read(self, seen: LayerSeen) -> Seen:
        n, device = seen.n_positions, seen.pattern.device
        at = torch.arange(n, device=device)
        back = at[:, None] - at
        counted = (back >= self.nearest) & (back <= self.farthest) & seen.visible  # [prompt, query, key]
        n_queries = counted.sum(1)
        influence = (
            torch.einsum("phqk,pqk->phk", seen.pattern, counted.to(seen.pattern)) / n_queries.clamp(min=1)[:, None]
        )
        values, measured = [], []
        for place in seen.places[self]:
            chosen = n_queries > 0
            if place != ALL_POSITIONS:
                chosen = chosen & role_mask(seen.prompts, place, n, device)
            n_chosen = chosen.sum(-1, keepdim=True)
            values.append((influence * chosen[:, None]).sum(-1) / n_chosen.clamp(min=1))
            measured.append(n_chosen > 0)
        return Seen(torch.stack(values, dim=1), torch.cat(measured, dim=1))
