"""Warnings that say when a circuit explains nothing that the model does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import Baseline
from pipelines.runs.caveats import accuracy_of, of_accuracy


def summary_of(n_correct: int, n_top1: int, n: int, *, n_wrong: int = 1) -> dict[str, Any]:
    prompt = Prompt((1, 2), (1, 3), (4,), tuple(range(5, 5 + n_wrong)))
    baseline = Baseline(np.ones(n), np.zeros(n), np.arange(n) < n_correct, np.arange(n) < n_top1)
    return accuracy_of(baseline, PromptSet("mine", (prompt,) * n))


def test_a_task_is_solved_though_other_words_are_more_likely() -> None:
    summary = summary_of(60, 0, 60)
    assert (summary["accuracy"], summary["top1"], summary["chance"]) == (1, 0, 0.5)
    assert summary["accuracy_interval"][0] > 0.9
    assert summary["top1_interval"][0] == 0
    assert of_accuracy(summary) == []


@pytest.mark.parametrize(
    ("n_correct", "n_wrong", "said"),
    [
        (30, 1, "answers 50% of the prompts correctly, which may be chance (50%)"),
        (20, 3, "answers 33% of the prompts correctly, which may be chance (25%)"),
        (24, 3, "answers 40% of the prompts correctly: this is not"),
        (15, 46, "answers 25% of the prompts correctly: this is not"),
        (0, 1, "answers 0% of the prompts correctly, which may be chance (50%)"),
    ],
)
def test_a_task_that_is_not_solved_is_named_with_what_chance_gives(n_correct: int, n_wrong: int, said: str) -> None:
    (warning,) = of_accuracy(summary_of(n_correct, 0, 60, n_wrong=n_wrong))
    assert said in warning
    assert warning.endswith("not the circuit of a solved task.")


def test_a_model_of_one_output_is_neither_right_nor_wrong() -> None:
    summary = accuracy_of(Baseline(np.ones(2), np.zeros(2), None), PromptSet("mine", (Prompt((1,), (2,), (0,)),)))
    assert set(summary.values()) == {None}
    assert of_accuracy(summary) == []
