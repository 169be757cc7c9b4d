"""Yes-no questions under many interventions at the last token, each prompt being run once.

Nothing before the last token depends on what is done there, so its keys and values are computed once, and every
intervention re-runs one position. Answers are scored as in POPE (Li et al. 2023, arXiv 2305.10355), `Yes` being
positive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.intervals import Estimate, Interval, Share, ratio_t_interval
from circuits.model.batches import Batch, each_batch
from circuits.model.forward import Earlier, Tap

if TYPE_CHECKING:
    from circuits.model.load import Model

TapFactory = Callable[[], Tap]


class LastTokens(NamedTuple):
    """What it takes to run the last token of some prompts of one length.

    residual  [prompt, 1, d_model] the stream that enters layer 0
    earlier   keys and values of all positions before it, per layer [prompt, key-value head, position, d_head]
    """

    batch: Batch
    residual: Tensor
    earlier: Earlier


class Answers(NamedTuple):
    """What the model says [prompt].

    answer_logit, wrong_answer_logit  mean logits of the answers, and of the wrong answers
    predicted                         the token with the highest logit in the whole vocabulary
    is_answer, is_wrong_answer        whether that is one of them; it may be neither
    """

    answer_logit: Floats
    wrong_answer_logit: Floats
    predicted: NDArray[np.int64]
    is_answer: Bools
    is_wrong_answer: Bools


def each_last_tokens(model: Model, prompts: PromptSet, work: Callable[[LastTokens], None]) -> None:
    """Run every prompt once, and call `work` with what it takes to run its last token, batch after batch.

    ValueError where a prompt is not answered at its last token, has no wrong answer, or where later tokens influence
    earlier ones. Cost: one forward pass per prompt.
    """
    _check(model, prompts)

    def record(batch: Batch) -> None:
        with torch.no_grad():
            run = model.forward.record(batch.clean, batch.clean_pixels(model.forward))
        key, value = ([layer[:, :, :-1] for layer in side] for side in (run.key, run.value))
        work(LastTokens(batch, run.residual[0][:, -1:], Earlier(key, value)))

    each_batch(prompts, model.forward, record, shares_prefix=False)


def _check(model: Model, prompts: PromptSet) -> None:
    model.check_prompts(prompts)
    if not model.forward.is_causal:
        raise ValueError(f"in {model.name!r} the last token influences those before it, so it cannot be run alone.")
    for number, prompt in enumerate(prompts):
        if prompt.answer_position != len(prompt) - 1:
            raise ValueError(
                f"{prompts.called(number)} is answered at position {prompt.answer_position}, but its last token is at "
                f"{len(prompt) - 1}: interventions at the last token could not change the answer."
            )
        if prompt.has_long_answers:
            raise ValueError(
                f"{prompts.called(number)} has answers of several tokens, and interventions at the last token are read "
                "in the next one alone. Give answers of one token."
            )
        if not prompt.wrong_answers:
            raise ValueError(f"{prompts.called(number)} has no wrong answer: give those of a yes-no question.")


def answers(model: Model, prompts: PromptSet, interventions: Mapping[str, TapFactory | None]) -> dict[str, Answers]:
    """What the model says under each intervention, by its name; None is the model as it is.

    Keeps one batch at a time. Cost: one forward pass per prompt, and one of one token per prompt and intervention.
    """
    results = {name: _empty(len(prompts)) for name in interventions}

    def work(part: LastTokens) -> None:
        for name, tap in interventions.items():
            _answer(model, part, tap, results[name])

    each_last_tokens(model, prompts, work)
    return results


def _empty(n: int) -> Answers:
    logits = np.zeros((2, n), dtype=np.float32)
    said = np.zeros((2, n), dtype=np.bool_)
    return Answers(logits[0], logits[1], np.zeros(n, dtype=np.int64), said[0], said[1])


def _answer(model: Model, part: LastTokens, tap: TapFactory | None, into: Answers) -> None:
    """Run the last token of some prompts and record what it says under the prompts' indices."""
    batch, n = part.batch, part.batch.n_positions
    with torch.no_grad():
        final = model.forward.run(
            part.residual,
            n_positions=n,
            start=n - 1,
            earlier=part.earlier,
            rows=batch.answer_positions,
            tap=None if tap is None else tap(),
        )
        logits = model.forward.logits(final)
    predicted, prompt_indices = logits.argmax(-1).cpu().numpy(), list(batch.prompt_indices)
    into.predicted[prompt_indices] = predicted
    for row, (number, prompt) in enumerate(zip(prompt_indices, batch.prompts, strict=True)):
        into.answer_logit[number] = float(logits[row, list(prompt.answers)].mean())
        into.wrong_answer_logit[number] = float(logits[row, list(prompt.wrong_answers)].mean())
        into.is_answer[number] = predicted[row] in prompt.answers
        into.is_wrong_answer[number] = predicted[row] in prompt.wrong_answers


@dataclass(frozen=True)
class AnswerScores:
    """How well yes-no questions are answered, with Wilson's 95 % intervals.

    An answer is right when the likeliest token of the vocabulary is one of its answers. One that is neither yes nor no
    is wrong and counts as not saying yes: it lowers accuracy and recall, and leaves precision as it is. (POPE's own
    script counts whatever does not say no as yes.)

    accuracy   right answers, out of all
    precision  questions about what is there, out of those answered yes; 0 where none is
    recall     questions answered yes, out of those about what is there
    yes_ratio  questions answered yes, out of all
    f1         harmonic mean of precision and recall
    n_neither  answers that are neither yes nor no
    """

    accuracy: Share
    precision: Share
    recall: Share
    yes_ratio: Share
    f1: float
    f1_interval: Interval[float]
    n_neither: int


def answer_scores(given: Answers, is_positive: Sequence[bool] | Bools) -> AnswerScores:
    """Scores of answers.

    is_positive  [prompt] whether the right answer is yes
    """
    positive = np.asarray(is_positive, dtype=np.bool_)
    if positive.shape != given.is_answer.shape:
        raise ValueError(f"{len(given.is_answer)} answers have {len(positive)} labels: give one for each.")
    said_yes = np.where(positive, given.is_answer, given.is_wrong_answer)
    hits, n_yes, n_positive = int((said_yes & positive).sum()), int(said_yes.sum()), int(positive.sum())
    hits_of_either = Share(hits, n_yes + n_positive - hits)
    return AnswerScores(
        accuracy=Share(int(given.is_answer.sum()), len(positive)),
        precision=Share(hits, n_yes),
        recall=Share(hits, n_positive),
        yes_ratio=Share(n_yes, len(positive)),
        f1=_f1(hits_of_either.value),
        f1_interval=Interval(*map(_f1, hits_of_either.interval())),
        n_neither=int((~given.is_answer & ~given.is_wrong_answer).sum()),
    )


def _f1(share: float) -> float:
    """F1 from the hits' share of the questions that are positive or answered yes, with which it rises.

    So the ends of the share's interval give those of F1's (Lam et al. 2023, arXiv 2309.14621: Wilson indirect).
    """
    return 2 * share / (1 + share)


def paired_difference(right: Bools, baseline: Bools, pictures: Sequence[str] | None = None) -> Estimate:
    """Accuracy of `right` minus that of `baseline`, both [question] about the same questions, with its t interval.

    pictures  [question] what each is about: questions about one picture stand or fall together, so that the interval is
              one over pictures (of a ratio of means, gains over questions); without it, over questions
    """
    if right.shape != baseline.shape:
        raise ValueError(f"{len(right)} and {len(baseline)} answers cannot be paired: ask the same questions of both.")
    gained = right.astype(np.float64) - baseline.astype(np.float64)
    _, picture = np.unique(range(len(gained)) if pictures is None else pictures, return_inverse=True)
    totals, counts = (np.bincount(picture, weights=of).astype(np.float64) for of in (gained, None))
    return Estimate(float(gained.mean()), ratio_t_interval(totals, counts).item())
