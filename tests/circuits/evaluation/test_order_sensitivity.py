"""Order sensitivity by hand, and of a model."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.order_sensitivity import by_line, lines_of, order_sensitivity, order_values
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from tests.bundled import bundled


def test_variance_and_share_by_hand() -> None:
    """Questions of means 0 and 4; over orders +-1 and 0: variances 1 and 0, in all 4 + 0.5."""
    values = np.array([[-1.0, 1.0], [4.0, 4.0]])
    found = order_sensitivity(values, values > 0)
    assert found.variance.value == 0.5
    assert found.share is not None
    assert found.share.value == pytest.approx(0.5 / 4.5)
    assert found.accuracy.value == 0.75
    assert (found.mixed.n_hits, found.mixed.n) == (1, 2)


def test_answers_that_do_not_depend_on_the_order_have_no_sensitivity() -> None:
    values = np.repeat(np.array([[1.0], [2.0], [4.0]]), 6, axis=1)
    found = order_sensitivity(values, values > 1)
    assert found.variance.value == found.variance.interval.high == 0
    assert found.share is not None
    assert found.share.value == 0
    assert found.mixed.n_hits == 0
    same = order_sensitivity(np.ones((3, 2)), np.ones((3, 2), dtype=bool))
    assert same.share is None


def test_a_model_that_answers_by_the_line_alone_has_all_its_variance_in_the_order() -> None:
    lines = np.array([[0, 1, 2], [2, 0, 1]])
    values = np.array([5.0, 1.0, 0.0])[lines]
    found = order_sensitivity(values, values > 2)
    assert found.share is not None
    assert found.share.value == pytest.approx(1)
    assert [estimate.value for estimate in by_line(values, lines)] == [5, 1, 0]


def test_lines_are_ranks_of_where_the_correct_option_stands() -> None:
    prompts = tuple(
        Prompt((1, 2, 3, 4, n), (1, 2, 3, 4, n), (1,), roles={"x": (at,)}) for n, at in enumerate((3, 1, 1))
    )
    assert lines_of(PromptSet("t", prompts), "x") == [1, 0, 0]


def test_values_are_those_of_the_prompts_one_by_one() -> None:
    model, metric = bundled("reference"), METRICS["logit-difference"]
    questions = TASKS["colored-objects"]().in_every_order(model.tokenizer, n=2)
    values, is_correct = order_values(model, questions, metric=metric)
    alone, _ = order_values(model, questions[1:], metric=metric)
    assert values[1] == pytest.approx(alone[0], abs=1e-4)
    assert (is_correct == (values > 0)).all()
