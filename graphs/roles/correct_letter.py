"""Correct-letter heads of multiple choice."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import AT_END, EVERY, WRONG, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class CorrectLetter(RoleRule):
    """Attends from END to the letter of the correct option, whichever option that is, more than to all other letters
    together; and the answer depends on what it does there.

    Asked of every option apart: a head that always looks at B does so where B is correct, and nowhere else.

    min_attention  of END's row, on the correct letter
    min_effect     at END, as a share of the gap
    """

    name = "correct-letter"
    summary = "attends from END to the letter of the correct option, whichever that is"
    source = "Lieberum et al. 2023 (arXiv 2307.09458)"
    rank = 1

    min_attention: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        letter, others = "correct-letter", Reading(f"attention:to={WRONG}", WRONG)
        return (
            Condition(Reading(letter, EVERY), "above", self.min_attention),
            Condition(Reading(letter, EVERY, minus=others), "above", 0),
            Condition(Reading(AT_END), "above", self.min_effect),
        )
