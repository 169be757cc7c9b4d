"""Induction heads."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import TOTAL, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Induction(RoleRule):
    """Attends to what followed earlier occurrences of the same token, and the answer depends on it.

    On these prompts, not on random tokens said twice: what the head does here.

    min_attention  to all such tokens together, over the queries whose token occurred before
    min_effect     of either sign, at all positions, as a share of the gap
    """

    name = "induction"
    summary = "attends to what followed an earlier occurrence of the same token"
    source = "Elhage et al. 2021; Olsson et al. 2022 (arXiv 2209.11895)"
    rank = 1

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("induction"), "above", self.min_attention),
            Condition(Reading(TOTAL), "apart", self.min_effect),
        )
