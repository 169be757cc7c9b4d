"""Attention to the token just before."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class PreviousToken(Profile):
    """A[i, i-1], mean over all queries but the first, which has none before it."""

    name = "previous-token"
    summary = "attention to the token just before, mean over queries"
    unit = "share of attention"

    def read(self, seen: LayerSeen) -> Seen:
        before = seen.pattern.diagonal(-1, dim1=2, dim2=3)
        return mean_over(before, torch.ones_like(seen.tokens[:, 1:], dtype=torch.bool))
