"""Duplicate-token heads."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import TOTAL, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class DuplicateToken(RoleRule):
    """Attends to earlier occurrences of the same token, over the queries that have one, and the answer depends on it.

    min_attention  to all earlier occurrences together
    min_effect     of either sign, at all positions, as a share of the gap
    """

    name = "duplicate-token"
    summary = "attends to earlier occurrences of the same token"
    source = "Wang et al. 2022 (arXiv 2211.00593)"
    rank = 5

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("duplicate-token"), "above", self.min_attention),
            Condition(Reading(TOTAL), "apart", self.min_effect),
        )
