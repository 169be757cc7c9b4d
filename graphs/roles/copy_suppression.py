"""Copy suppression: what a head attends to, it speaks against."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.roles.label import CANDIDATES, DIRECT, Condition, Reading
from graphs.roles.registry import register
from graphs.roles.rule import RoleRule


@register
@dataclass(frozen=True)
class CopySuppression(RoleRule):
    """Attends from END to a candidate, right or wrong, whose logit its weights lower, and has a direct effect.

    min_attention    of END's row, on all candidates together
    min_suppression  OV copying score below -this: tokens that are read lower their own logits
    min_effect       direct, of either sign: to speak against a wrong word helps
    """

    name = "copy-suppression"
    summary = "attends from END to a candidate and lowers its logit, by its weights"
    source = "McDougall et al. 2023 (arXiv 2310.04625)"
    rank = 4

    min_attention: float = 0.3
    min_suppression: float = 0.3
    min_effect: float = 0.01

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (
            Condition(Reading(f"attention:to={CANDIDATES}", CANDIDATES), "above", self.min_attention),
            Condition(Reading("copying", "sum"), "below", -self.min_suppression),
            Condition(Reading(DIRECT), "apart", self.min_effect),
        )
