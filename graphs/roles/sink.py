"""Heads that rest on the first token."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import TOTAL, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Sink(RoleRule):
    """Gives the first token much of its attention, over all queries, and still the answer depends on the head.

    min_attention  to the first token
    min_effect     of either sign, at all positions, as a share of the gap
    """

    name = "sink"
    summary = "rests on the first token, and still matters"
    source = "Gu et al. 2024 (arXiv 2410.10781), whose threshold is .3"
    rank = 7

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("received"), "above", self.min_attention),
            Condition(Reading(TOTAL), "apart", self.min_effect),
        )
