"""Selectors: they attend to what competes with the answer, and later heads leave it out (S-inhibition)."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import AT_END, DIRECT, INDIRECT, RIGHT, WRONG, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Selector(RoleRule):
    """Attends from END to words that compete with the answer, more than to those that say it; later parts do the rest.

    min_attention  of END's row, on words that compete
    min_effect     at END, as a share of the gap
    """

    name = "selector"
    summary = "attends from END to what competes with the answer, which later parts then leave out (S-inhibition)"
    source = "S-inhibition of Wang et al. 2022 (arXiv 2211.00593); inhibition of Merullo et al. 2024 (arXiv 2310.08744)"
    rank = 3

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading(f"attention:to={WRONG}", WRONG), "above", self.min_attention),
            Condition(
                Reading(f"attention:to={WRONG}", WRONG, minus=Reading(f"attention:to={RIGHT}", RIGHT)), "above", 0
            ),
            Condition(Reading(AT_END), "above", self.min_effect),
            Condition(Reading(INDIRECT, minus=Reading(DIRECT)), "above", 0),
        )
