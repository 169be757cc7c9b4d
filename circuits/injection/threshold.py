"""Saying no more often, as a control: what a threshold on the logits of yes-no questions does, the model left as it is.

An intervention that makes a model more careful raises its accuracy where most errors are a false yes. A threshold does
that too, so an intervention has to be better than the threshold that the same validation questions choose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.injection.answers import Answers


def yes_minus_no(answers: Answers, is_positive: Sequence[bool] | Bools) -> Floats:
    """[prompt] logit of yes minus logit of no."""
    difference = answers.answer_logit.astype(np.float64) - answers.wrong_answer_logit.astype(np.float64)
    return difference * np.where(is_positive, 1.0, -1.0)


def choose_threshold(
    margin: Floats, is_positive: Bools, judged: Bools, guarded: Bools | None, *, max_accuracy_drop: float = 0.0
) -> float:
    """The threshold on the margin, with yes above it, that answers most judged questions right.

    margin       [question] logit of yes minus logit of no
    judged       [question] whether it counts in the choice
    guarded      [question] those whose accuracy must not fall by more than `max_accuracy_drop`; None without any

    Where several do equally well, the one nearest to 0, the model's own.
    """

    def accuracy(threshold: float, chosen: Bools) -> float:
        return float(((margin[chosen] > threshold) == is_positive[chosen]).mean())

    candidates = np.unique(np.concatenate([[0.0], margin[judged]]))
    candidates = candidates[np.argsort(np.abs(candidates), kind="stable")]
    if guarded is not None:
        least = accuracy(0.0, guarded) - max_accuracy_drop - 1e-9
        candidates = np.array([threshold for threshold in candidates if accuracy(threshold, guarded) >= least])
    return float(max(candidates, key=lambda threshold: accuracy(threshold, judged)))


def with_threshold(answers: Answers, is_positive: Bools, threshold: float) -> Answers:
    """The answers with yes wherever the margin is above a threshold, and no elsewhere."""
    says_yes = yes_minus_no(answers, is_positive) > threshold
    is_right = says_yes == is_positive
    return answers._replace(is_answer=is_right, is_wrong_answer=~is_right)
