"""Negative movers: they attend to the answer and say anything else."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import DIRECT, RIGHT, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class NegativeMover(RoleRule):
    """Attends from END to words that say the answer, and writes against its logit: without it the answer is clearer.

    min_attention  of END's row, on words that say the answer
    min_effect     direct, as a share of the gap
    """

    name = "negative-mover"
    summary = "attends from END to the answer and speaks against it"
    source = "negative name movers of Wang et al. 2022 (arXiv 2211.00593)"
    rank = 2

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading(f"attention:to={RIGHT}", RIGHT), "above", self.min_attention),
            Condition(Reading("direct-logit-attribution", "END"), "below", 0),
            Condition(Reading(DIRECT), "below", -self.min_effect),
        )
