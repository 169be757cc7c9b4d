"""Movers: they attend to the answer and say it."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import DIRECT, INDIRECT, RIGHT, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Mover(RoleRule):
    """Attends from END to words that say the answer, writes on its logit, and most of its effect at END is direct.

    min_attention  of END's row, on words that say the answer
    min_effect     direct, as a share of the gap
    """

    name = "mover"
    summary = "attends from END to the answer and says it"
    source = "name movers of Wang et al. 2022 (arXiv 2211.00593)"
    rank = 2

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading(f"attention:to={RIGHT}", RIGHT), "above", self.min_attention),
            Condition(Reading("direct-logit-attribution", "END"), "above", 0),
            Condition(Reading(DIRECT), "above", self.min_effect),
            Condition(Reading(DIRECT, minus=Reading(INDIRECT)), "above", 0),
        )
