"""Metrics: one number per prompt from the logits where its answer is predicted.

A higher value means more of the behavior, so `metric(clean) - metric(corrupted)` is positive for what supports it.
Metrics that look only at the answers say so (`reads_vocabulary`), and the unembedding is then computed for these alone.
Answers of several tokens are for metrics of probabilities alone: a token's logit says nothing without those beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.numbers import count_text
from circuits.registry import Registry, instance_of

if TYPE_CHECKING:
    from torch import Tensor


_COMPARED, _OF_ANSWERS = "log-probability-difference", "answer-log-probability"


def metric_of_any_length(prompts: Iterable[Prompt]) -> str:
    """The metric to read answers of any length with: it compares where every prompt has a wrong answer.

    >>> from circuits import Prompt
    >>> from circuits.metrics import metric_of_any_length
    >>> metric_of_any_length([Prompt((5, 7), (5, 8), answers=((7, 9),))])
    'answer-log-probability'
    """
    return _COMPARED if all(prompt.wrong_answers for prompt in prompts) else _OF_ANSWERS


@dataclass(frozen=True)
class Metric:
    """One number per prompt. Subclasses implement `values`.

    takes_long_answers  whether answers may have several tokens: `values_of_long` is then implemented too
    has_zero_gradient_at_clean  whether it is at its maximum on the clean run, so that every gradient there is zero
    judges_answers  whether it is accuracy, which compares answers one by one: neither is then implemented

    >>> import torch
    >>> from circuits import METRICS, Prompt, PromptSet
    >>> metric = METRICS["logit-difference"]
    >>> prompts = PromptSet("copies", (Prompt((5, 7, 5), (5, 8, 5), answers=(7,), wrong_answers=(8,)),))
    >>> metric.check(prompts)
    >>> metric.name, metric.needs_wrong_answers, metric.takes_long_answers
    ('logit-difference', True, False)
    >>> from circuits.metrics import Targets
    >>> logits = torch.tensor([[5.0, 2.0, 0.0]])  # of three tokens: the first is right, the second wrong
    >>> metric.values(logits, Targets(None, torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 1.0, 0]])))
    tensor([3.])
    >>> METRICS["log-probability-difference"].values_of_long(torch.tensor([-1.0]), torch.tensor([-3.0]))
    tensor([2.])
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs_wrong_answers: ClassVar[bool] = False
    reads_vocabulary: ClassVar[bool] = False
    needs_clean_logits: ClassVar[bool] = False
    takes_long_answers: ClassVar[bool] = False
    has_zero_gradient_at_clean: ClassVar[bool] = False
    judges_answers: ClassVar[bool] = False

    def check(self, prompts: PromptSet) -> None:
        """Raise a ValueError where the prompts lack what this metric reads, or have answers that it does not take."""
        if not self.takes_long_answers:
            self._refuse_long_answers(prompts)
        if not self.needs_wrong_answers:
            return
        lacking = [number for number, prompt in enumerate(prompts) if not prompt.wrong_answers]
        if lacking:
            raise RefusedPrompts(
                f"metric {self.name!r} compares answers with wrong answers, but {len(lacking)} of "
                f"{count_text(len(prompts), 'prompt')} {'has' if len(lacking) == 1 else 'have'} no wrong answer (the "
                f"first is {prompts.called(lacking[0])}). Add 'wrong_answers' (with "
                f"ids: 'wrong_answer_ids'), or use {self.instead(prompts)!r}.",
                lacking,
            )

    def instead(self, prompts: PromptSet) -> str | None:
        """The metric to take where `check` refuses prompts; None where it takes them.

        >>> from circuits import METRICS, Prompt, PromptSet
        >>> prompts = PromptSet("copies", (Prompt(clean=(5, 7), corrupt=(5, 8), answers=((7, 9),)),))
        >>> METRICS["logit-difference"].instead(prompts), METRICS["answer-probability"].instead(prompts)
        ('answer-log-probability', None)
        """
        if not self.takes_long_answers and any(prompt.has_long_answers for prompt in prompts):
            return metric_of_any_length(prompts) if self.needs_wrong_answers else _OF_ANSWERS
        if self.needs_wrong_answers and not all(prompt.wrong_answers for prompt in prompts):
            return _OF_ANSWERS if self.takes_long_answers else "answer-logit"
        return None

    def _refuse_long_answers(self, prompts: PromptSet) -> None:
        long = [number for number, prompt in enumerate(prompts) if prompt.has_long_answers]
        if not long:
            return
        first = prompts.prompts[long[0]]
        n_tokens = 1 + max(map(len, first.continuations))
        raise RefusedPrompts(
            f"metric {self.name!r} reads one token, and answers of {len(long)} of "
            f"{count_text(len(prompts), 'prompt')} have several "
            f"(the first is {prompts.called(long[0])}, with up to {n_tokens}). Use {self.instead(prompts)!r}, which "
            "takes answers of any length, or give answers of one token.",
            long,
        )

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        """[..., prompt] from logits [..., prompt, token], the tokens being `targets.tokens` or the whole vocabulary."""
        raise NotImplementedError

    def values_of_long(self, answers: Tensor, wrong_answers: Tensor) -> Tensor:
        """[..., prompt] from logs of the total probability of the answers, and of the wrong answers [..., prompt].

        The probability of an answer of several tokens is the product of theirs, each after those before it; without
        wrong answers, the log of their total is minus infinity.
        """
        raise NotImplementedError


class LogitDifference(Metric):
    """Mean logit of the answers minus mean logit of the wrong answers."""

    name = "logit-difference"
    summary = "mean logit of the answers minus mean logit of the wrong answers"
    needs_wrong_answers = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        return (logits * targets.answer_means).sum(-1) - (logits * targets.wrong_answer_means).sum(-1)


class AnswerLogit(Metric):
    """Mean logit of the answers."""

    name = "answer-logit"
    summary = "mean logit of the answers"

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        return (logits * targets.answer_means).sum(-1)


class AnswerLogProbability(Metric):
    """Natural logarithm of the total probability of the answers, in nats; of several tokens, teacher-forced."""

    name = "answer-log-probability"
    summary = "log of the total probability of the answers, of any length (nats)"
    reads_vocabulary = True
    takes_long_answers = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        log_probabilities = logits.log_softmax(-1)
        return log_probabilities.masked_fill(~targets.is_answer, float("-inf")).logsumexp(-1)

    def values_of_long(self, answers: Tensor, wrong_answers: Tensor) -> Tensor:
        return answers


class LogProbabilityDifference(Metric):
    """Log of the total probability of the answers minus that of the wrong answers, in nats.

    The lengths of answers may differ; more tokens are less likely, which the clean and the ablated run share. With one
    answer and one wrong answer of one token each, it is their logit difference.
    """

    name = "log-probability-difference"
    summary = "log of the total probability of the answers minus that of the wrong answers, of any length (nats)"
    needs_wrong_answers = True
    takes_long_answers = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        # All are read at one position, so that what makes probabilities of logits is the same and cancels.
        answers, wrong_answers = (
            logits.masked_fill(~mask, float("-inf")).logsumexp(-1)
            for mask in (targets.is_answer, targets.is_wrong_answer)
        )
        return answers - wrong_answers

    def values_of_long(self, answers: Tensor, wrong_answers: Tensor) -> Tensor:
        return answers - wrong_answers


class AnswerProbability(Metric):
    """Total probability of the answers, from 0 to 1 (Meng et al. 2022; Li et al. 2025, arXiv 2511.05923)."""

    name = "answer-probability"
    summary = "total probability of the answers, of any length"
    reads_vocabulary = True
    takes_long_answers = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        return (logits.softmax(-1) * targets.is_answer).sum(-1)

    def values_of_long(self, answers: Tensor, wrong_answers: Tensor) -> Tensor:
        return answers.exp()


class ProbabilityDifference(Metric):
    """Total probability of the answers minus that of the wrong answers (Hanna et al. 2023, for Greater-Than)."""

    name = "probability-difference"
    summary = "total probability of the answers minus that of the wrong answers, of any length"
    needs_wrong_answers = True
    reads_vocabulary = True
    takes_long_answers = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        probabilities = logits.softmax(-1)
        return (probabilities * (targets.is_answer.to(logits) - targets.is_wrong_answer.to(logits))).sum(-1)

    def values_of_long(self, answers: Tensor, wrong_answers: Tensor) -> Tensor:
        return answers.exp() - wrong_answers.exp()


class KLDivergence(Metric):
    """Minus KL(clean || this run) over the vocabulary, in nats.

    Zero on the clean run and negative elsewhere, so that scores keep their sign: corrupting a part that matters
    lowers it, and its score is the divergence that it causes.
    """

    name = "kl-divergence"
    summary = "minus KL(clean || run) over the vocabulary (nats); 0 on the clean run"
    reads_vocabulary = True
    needs_clean_logits = True
    has_zero_gradient_at_clean = True

    def values(self, logits: Tensor, targets: Targets, clean_logits: Tensor | None = None) -> Tensor:
        assert clean_logits is not None, "the readout gives clean logits to metrics that need them"
        clean = clean_logits.log_softmax(-1)
        return -(clean.exp() * (clean - logits.log_softmax(-1))).sum(-1)


class Accuracy(Metric):
    """1 where an answer is above every wrong answer, or without wrong answers above all other tokens; else 0.

    For reading runs, not for finding circuits: it has no gradient, and mostly does not move when one part is corrupted.
    """

    name = "accuracy"
    summary = "1 where an answer is above every wrong answer, else 0"
    takes_long_answers = True
    reads_vocabulary = True
    judges_answers = True


ACCURACY = Accuracy()
METRICS: Registry[Metric] = Registry("metrics", instance_of(Metric))
for _metric in (
    LogitDifference(),
    ProbabilityDifference(),
    KLDivergence(),
    AnswerLogit(),
    AnswerProbability(),
    AnswerLogProbability(),
    LogProbabilityDifference(),
):
    METRICS.register(_metric)


class Targets(NamedTuple):
    """The answers of a batch, as weights over `tokens` or, where a metric reads everything, over the vocabulary.

    tokens              [prompt, token] what to read, padded by repetition; None for the whole vocabulary
    answer_means        [prompt, token] 1/number of answers at the answers, 0 elsewhere; likewise wrong_answer_means
    is_answer           [prompt, token]; likewise is_wrong_answer
    """

    tokens: Tensor | None
    answer_means: Tensor
    wrong_answer_means: Tensor

    @property
    def is_answer(self) -> Tensor:
        return self.answer_means > 0

    @property
    def is_wrong_answer(self) -> Tensor:
        return self.wrong_answer_means > 0
