"""Order sensitivity of a task: how much a model's answers depend on the order in which options are written.

A question is asked with its options in every order; what it asks, and what is right, stays. The variance of the metric
over these orders is the sensitivity: 0 for a model that reads options as a set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.data.prompts import PromptSet
from circuits.evaluation.edit_effects import edit_values
from circuits.intervals import Estimate, Share, ratio_t_interval, t_interval
from circuits.metrics import Metric

if TYPE_CHECKING:
    from circuits.model.load import Model


class OrderSensitivity(NamedTuple):
    """A task's sensitivity, over questions.

    variance  of the metric over the orders of a question, mean over questions, with a t interval
    share     of the variance of all answers: 1 where the order decides everything, 0 where it decides nothing; with the
              t interval of a ratio. None where all answers are alike
    accuracy  share of all answers that are right; as a mean over questions, with a t interval
    mixed     questions that are answered rightly in some orders and wrongly in others
    """

    variance: Estimate
    share: Estimate | None
    accuracy: Estimate
    mixed: Share


def order_values(model: Model, questions: Sequence[PromptSet], *, metric: Metric) -> tuple[Floats, Bools]:
    """The metric, and whether the answer is right, [question, order].

    ValueError before anything runs where the metric does not fit the prompts. Cost: one forward pass of all orders.

    >>> from circuits import METRICS, TASKS, load_model
    >>> from circuits.evaluation.order_sensitivity import order_sensitivity, order_values
    >>> model = load_model("reference")
    >>> questions = TASKS["colored-objects"]().in_every_order(model.tokenizer, n=4)
    >>> values, is_correct = order_values(model, questions, metric=METRICS["logit-difference"])
    >>> values.shape, order_sensitivity(values, is_correct).variance.value > 0
    ((4, 6), True)
    """
    prompts = PromptSet(questions[0].task, tuple(prompt for question in questions for prompt in question))
    found = edit_values(model, prompts, [], metric=metric)
    shape = len(questions), len(questions[0])
    return found.metric[0].reshape(shape), found.is_correct[0].reshape(shape)


def order_sensitivity(values: Floats, is_correct: Bools) -> OrderSensitivity:
    """The sensitivity, from values [question, order] of all orders of every question."""
    variances = values.var(axis=1)  # of all orders that there are, not of a sample
    whole = ((values - values.mean()) ** 2).mean(axis=1)
    share = None
    if whole.mean() > 0:
        share = Estimate(float(variances.mean() / whole.mean()), ratio_t_interval(variances, whole).item())
    right = is_correct.mean(axis=1)
    mixed = np.count_nonzero((right > 0) & (right < 1))
    return OrderSensitivity(_mean(variances), share, _mean(right), Share(int(mixed), len(values)))


def by_line(values: Floats, lines: Numbers) -> list[Estimate]:
    """The mean over questions where the correct option stands on the first line, the second, ..., with t intervals.

    values  [question, order]; lines [question, order] the line of the correct option, from 0
    """
    of_lines = [np.where(lines == line, values, np.nan) for line in range(int(lines.max()) + 1)]
    return [_mean(np.nanmean(own, axis=1)) for own in of_lines]


def lines_of(question: PromptSet, role: str) -> list[int]:
    """On which line, from 0, the option with a role stands in each order of a question."""
    at = [prompt.roles[role] for prompt in question]
    ranks = {positions: line for line, positions in enumerate(sorted(set(at)))}
    return [ranks[positions] for positions in at]


def _mean(per_question: Floats) -> Estimate:
    return Estimate(float(per_question.mean()), t_interval(per_question).item())
