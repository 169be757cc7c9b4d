"""How likely answers are, and whether a model answers prompts correctly, from the logits where answers are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits.data.answers import tokens_of

if TYPE_CHECKING:
    from circuits.data.prompts import Prompt
    from circuits.model.batches import Batch
    from circuits.model.forward import Forward


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


def answered_in(forward: Forward, batch: Batch, final: Tensor) -> Answered:
    """Which prompts of a batch are answered correctly.

    An answer of several tokens counts with the log-probability of all of them, teacher-forced; it is above all other
    tokens where each of its tokens is, after those before it.

    final  [sequence, read, d_model] the final stream at `batch.read_positions`
    """
    if not batch.has_long_answers:
        return answered(forward.logits(final[:, 0]), batch.prompts)
    read, logits = LongAnswers.of(batch), forward.logits(final)
    log_probabilities, is_top = read.log_probabilities(logits).cpu(), read.are_top(logits).tolist()
    is_correct, is_top1 = [], []
    for prompt, of_right, of_wrong in zip(batch.prompts, read.right.tolist(), read.wrong.tolist(), strict=True):
        right, wrong = of_right[: len(prompt.answers)], of_wrong[: len(prompt.wrong_answers)]
        is_top1.append(any(is_top[number] for number in right))
        is_above = bool(log_probabilities[right].max() > log_probabilities[wrong].max()) if wrong else is_top1[-1]
        is_correct.append(is_above)
    return Answered(torch.tensor(is_correct), torch.tensor(is_top1))


class LongAnswers(NamedTuple):
    """Where the answers of a batch are read, each token after the one before it.

    sequences    [answer] the sequence that holds all but its last token
    tokens       [answer, read] its tokens, then copies of the last
    is_token     [answer, read] whether that is one of its tokens
    right, wrong [prompt, n] the numbers of each prompt's answers, and of its wrong answers; then the number of all
    """

    sequences: Tensor
    tokens: Tensor
    is_token: Tensor
    right: Tensor
    wrong: Tensor

    @classmethod
    def of(cls, batch: Batch) -> LongAnswers:
        """The answers of all prompts of a batch, right ones before wrong ones in each prompt."""
        n_read, device = batch.read_positions.shape[1], batch.clean.device
        sequences, tokens, sizes, right, wrong = [], [], [], [], []
        for prompt, first in zip(batch.prompts, batch.first_sequences, strict=True):
            for numbers, answers in ((right, prompt.answers), (wrong, prompt.wrong_answers)):
                numbers.append(list(range(len(sequences), len(sequences) + len(answers))))
                for answer in map(tokens_of, answers):
                    held = next(
                        n for n, one in enumerate(prompt.continuations) if one[: len(answer) - 1] == answer[:-1]
                    )
                    sequences.append(first + held)
                    tokens.append([*answer, *answer[-1:] * (n_read - len(answer))])
                    sizes.append(len(answer))
        sides = ([own + [len(sequences)] * (max(map(len, side)) - len(own)) for own in side] for side in (right, wrong))
        return cls(
            torch.tensor(sequences, device=device),
            torch.tensor(tokens, device=device),
            torch.arange(n_read, device=device) < torch.tensor(sizes, device=device).unsqueeze(1),
            *(torch.tensor(side, dtype=torch.long, device=device) for side in sides),
        )

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """The log-probability [..., answer] of each answer, in nats, from logits [..., sequence, read, vocabulary]."""
        of_token = self._picked(logits) - logits.logsumexp(-1)[..., self.sequences, :]
        return (of_token * self.is_token).sum(-1)

    def are_top(self, logits: Tensor) -> Tensor:
        """[..., answer] whether each of its tokens has the largest logit of all."""
        return ((logits.argmax(-1)[..., self.sequences, :] == self.tokens) | ~self.is_token).all(-1)

    def totals(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Logs of the total probability [..., prompt] of each prompt's answers, and of its wrong answers."""
        each = self.log_probabilities(logits)
        each = torch.cat((each, each.new_full((*each.shape[:-1], 1), float("-inf"))), dim=-1)
        right, wrong = (each[..., numbers].logsumexp(-1) for numbers in (self.right, self.wrong))
        return right, wrong

    def _picked(self, logits: Tensor) -> Tensor:
        """[..., answer, read] the logits of the answers' tokens."""
        reads = torch.arange(self.tokens.shape[1], device=logits.device)
        return logits[..., self.sequences.unsqueeze(1), reads, self.tokens]
