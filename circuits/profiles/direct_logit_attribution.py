"""What each part writes, at the answer position, on the direction of the logit difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.components import BIASES, Component, Wiring
from circuits.data.prompts import END, PromptSet
from circuits.model.logit_parts import logit_parts_of, require_compared
from circuits.profiles.base import AnswerProfile, AnswerSeen
from circuits.profiles.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class DirectLogitAttribution(AnswerProfile):
    """Direct logit attribution of the embedding, every head, every MLP and all biases together, at the answer position.

    On mean logit of the answers minus mean logit of the wrong answers, with the final norm's scale frozen at its value
    in this run: the parts of a prompt add up to its logit difference. It is what a part says itself, on a run in which
    nothing is changed, and leaves out what later parts make of it.

    Source: Elhage et al. 2021; the direct effect of Lieberum et al. 2023 (arXiv 2307.09458), where the wrong answers
    are the other letters.
    """

    name = "direct-logit-attribution"
    summary = "what each head and MLP writes on the logit difference at the answer; with all others, they add up to it"
    unit = "logits"
    bounds = (None, None)

    def check(self, prompts: PromptSet) -> None:
        require_compared(prompts)

    def check_model(self, model: Model) -> None:
        logit_parts_of(model)

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return (END,)

    def components(self, wiring: Wiring) -> tuple[Component, ...]:
        """Writers in their order, then the biases."""
        return (*wiring.writers, BIASES)

    def read_answer(self, seen: AnswerSeen) -> Tensor:
        parts, _ = logit_parts_of(seen.model)(seen.batch, seen.written, seen.final)
        return parts.by_writer(seen.model.wiring)[..., 0]
