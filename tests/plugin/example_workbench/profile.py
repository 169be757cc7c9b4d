"""A profile: attention to the token a chosen number of places back."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over


@dataclass(frozen=True)
class TokensBack(Profile):
    """Attention to the token `back` places before, mean over the queries that have one."""

    name = "tokens-back"
    summary = "attention to the token some places back"
    unit = "share of attention"

    back: int = 2

    def read(self, seen: LayerSeen) -> Seen:
        """[prompt, 1, head]"""
        there = seen.pattern.diagonal(-self.back, dim1=2, dim2=3)
        return mean_over(there, torch.ones_like(seen.tokens[:, self.back :], dtype=torch.bool))
