"""A metric: the logit of the answer with the opposite sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.metrics import AnswerLogit, Targets

if TYPE_CHECKING:
    from torch import Tensor


class NegatedAnswerLogit(AnswerLogit):
    """Minus the mean logit of the answers."""

    name = "negated-answer-logit"
    summary = "minus the mean logit of the answers"

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        """[..., prompt] from logits [..., prompt, token]."""
        return -super().values(logits, targets, clean_logits)


NEGATED = NegatedAnswerLogit()
