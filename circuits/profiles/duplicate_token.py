"""Attention to earlier occurrences of the same token."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.profiles.base import LayerSeen, Profile, Seen, earlier_copies, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class DuplicateToken(Profile):
    """Attention to all earlier occurrences of the query's token together, mean over the queries that have one.

    Prompts without a repeated token are not measured.
    """

    name = "duplicate-token"
    summary = "attention to earlier occurrences of the same token, mean over queries that have one"
    unit = "share of attention"

    def read(self, seen: LayerSeen) -> Seen:
        copies = earlier_copies(seen.tokens)
        return mean_over((seen.pattern * copies.unsqueeze(1)).sum(-1), copies.any(-1))
