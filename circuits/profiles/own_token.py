"""Attention of a token to itself."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class OwnToken(Profile):
    """A[i, i], mean over the queries that can see more than themselves."""

    name = "own-token"
    summary = "attention of a token to itself, mean over queries"
    unit = "share of attention"

    def read(self, seen: LayerSeen) -> Seen:
        return mean_over(seen.pattern.diagonal(dim1=2, dim2=3), seen.choosing)
