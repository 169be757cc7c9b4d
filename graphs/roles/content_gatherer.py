"""Content gatherers: they bring to END what the answer depends on."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import AT_END, CONTENT, DIRECT, INDIRECT, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class ContentGatherer(RoleRule):
    """Attends from END to words with a role that neither say the answer nor compete with it, such as the object that is
    asked about; later parts do the rest.

    min_attention  of END's row, on such words
    min_effect     at END, as a share of the gap
    """

    name = "content-gatherer"
    summary = "attends from END to words that the answer depends on, and later parts do the rest"
    source = "Lieberum et al. 2023 (arXiv 2307.09458); Merullo et al. 2024 (arXiv 2310.08744)"
    rank = 3

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading(f"attention:to={CONTENT}", CONTENT), "above", self.min_attention),
            Condition(Reading(AT_END), "above", self.min_effect),
            Condition(Reading(INDIRECT, minus=Reading(DIRECT)), "above", 0),
        )
