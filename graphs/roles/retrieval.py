"""Retrieval heads."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import TOTAL, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class Retrieval(RoleRule):
    """Copies from the span that is asked for, token by token, while the model says it (task `needle`).

    A low score does not make a head unimportant: what feeds a retrieval head has none.

    min_copied  share of the span's tokens that the head copies, mean over prompts
    min_effect  of either sign, at all positions, as a share of the gap
    """

    name = "retrieval"
    summary = "copies from the span that is asked for while the model says it"
    source = "Wu et al. 2024 (arXiv 2404.15574), whose threshold is .1"
    rank = 4

    min_copied: float = 0.1
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading("retrieval"), "above", self.min_copied),
            Condition(Reading(TOTAL), "apart", self.min_effect),
        )
