"""Whether a model answers prompts correctly, from the logits at their answer positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from circuits.data.prompts import Prompt


class Answered(NamedTuple):
    """[prompt] whether a prompt is answered correctly.

    is_correct  an answer is above every wrong answer; where there is none, above all other tokens
    is_top1     an answer is above all other tokens of the vocabulary

    A model that does a task may well prefer a third word (" the" to a name): that is no mistake in what is asked.
    """

    is_correct: Tensor
    is_top1: Tensor


def answered(logits: Tensor, prompts: Sequence[Prompt]) -> Answered:
    """Which prompts are answered correctly.

    logits  [prompt, vocabulary] at each prompt's answer position
    """
    first = logits.argmax(-1).tolist()
    is_top1 = [token in prompt.answers for token, prompt in zip(first, prompts, strict=True)]
    is_correct = [
        bool(own[list(prompt.answers)].max() > own[list(prompt.wrong_answers)].max())
        if prompt.wrong_answers
        else is_top
        for own, prompt, is_top in zip(logits.float().cpu(), prompts, is_top1, strict=True)
    ]
    return Answered(torch.tensor(is_correct), torch.tensor(is_top1))
