"""Direct logit attribution: the logit difference at the answer as a sum over the writers of the model.

The final norm is linear once its scale is frozen at the value that it has in this very run. The parts of the embedding,
heads, MLPs and biases add up to mean logit of the answers minus mean logit of the wrong answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import require_each
from circuits.model.batches import Batch
from circuits.model.norms import KnownNorm
from circuits.model.written import Parts, Writers, Written, frozen, writers_of

if TYPE_CHECKING:
    from circuits.model.load import Model


@dataclass(frozen=True)
class LogitParts:
    """Splits the logit difference of a model's runs; made by `logit_parts_of`."""

    model: Model
    writers: Writers
    norm: KnownNorm | None

    def __call__(self, batch: Batch, written: Written, final: Tensor) -> tuple[Parts, Tensor]:
        """The parts, with one place and one direction, and the logit difference [sequence] that they add up to.

        written  at the answer position alone, in the run whose final stream there is `final` [sequence, d_model]
        """
        forward = self.model.forward
        directions = forward.logit_scale * answers_minus_wrong(forward.weight_u, batch)
        parts = self.writers.parts(written, directions.unsqueeze(1), self.norm, final.unsqueeze(1))
        if forward.bias_u is not None:
            of_unembedding = forward.logit_scale * answers_minus_wrong(forward.bias_u, batch)
            parts = parts._replace(biases=parts.biases + of_unembedding[:, None, None])
        return parts, logit_difference(self.model, batch, final)


def logit_parts_of(model: Model) -> LogitParts:
    """What splits a model's logit differences.

    ValueError for a model that caps its logits (parts of a capped sum do not add up), whose final norm is no LayerNorm
    or RMSNorm, or whose heads do not add up.
    """
    forward = model.forward
    if forward.final_softcap is not None:
        raise ValueError(f"{model.name!r} caps its logits, so that no parts add up to their difference.")
    norm = frozen(forward.norm_final, forward.weight_u, "the final norm", model)
    return LogitParts(model, writers_of(model), norm)


def require_compared(prompts: PromptSet) -> None:
    """Raise a ValueError where a prompt has no wrong answer, or answers of several tokens."""

    def check(number: int, prompt: Prompt) -> None:
        if not prompt.wrong_answers or prompt.has_long_answers:
            lacks = "answers of several tokens" if prompt.has_long_answers else "no wrong answer"
            raise ValueError(
                f"{prompts.called(number)} has {lacks}: direct attribution compares right and wrong answers of one "
                "token each."
            )

    require_each(prompts, check)


def logit_difference(model: Model, batch: Batch, final: Tensor) -> Tensor:
    """[sequence] mean logit of the answers minus that of the wrong answers, from final streams [sequence, d_model]."""
    means = [
        [own[list(side)].mean() for side in (prompt.answers, prompt.wrong_answers)]
        for own, prompt in zip(model.forward.logits(final), batch.prompts, strict=True)
    ]
    return torch.stack([right - wrong for right, wrong in means])


def answers_minus_wrong(values: Tensor, batch: Batch) -> Tensor:
    """[prompt, ...] means of values [token, ...] over the answers, minus those over the wrong answers."""
    return torch.stack(
        [
            values[list(prompt.answers)].float().mean(0) - values[list(prompt.wrong_answers)].float().mean(0)
            for prompt in batch.prompts
        ]
    )
