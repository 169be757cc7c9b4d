"""Previous-token heads."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import TOTAL, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class PreviousToken(RoleRule):
    """Attends to the token just before, over all queries, and the answer depends on it.

    min_attention  to the token just before
    min_effect     of either sign, at all positions, as a share of the gap
    """

    name = "previous-token"
    summary = "attends to the token just before"
    source = "Elhage et al. 2021; Olsson et al. 2022 (arXiv 2209.11895)"
    rank = 5

    min_attention: float = 0.4
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("previous-token"), "above", self.min_attention),
            Condition(Reading(TOTAL), "apart", self.min_effect),
        )
