"""Writers: they say the answer without attending to it."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import DIRECT, INDIRECT, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Writer(RoleRule):
    """Writes on the answer's logit, and most of its effect at END is direct, wherever it attends to.

    It may read where earlier heads have put the answer, or END itself.

    min_effect  direct, as a share of the gap
    """

    name = "writer"
    summary = "says the answer, read from elsewhere than its words"
    source = "amplification heads of Lieberum et al. 2023 (arXiv 2307.09458), wherever they attend to"
    rank = 6
    not_beside = ("mover",)

    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("direct-logit-attribution", "END"), "above", 0),
            Condition(Reading(DIRECT), "above", self.min_effect),
            Condition(Reading(DIRECT, minus=Reading(INDIRECT)), "above", 0),
        )
