"""Classes of heads on multiple-choice prompts: one head of each worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.data.prompts import Prompt
from circuits.profiles.option_heads import OptionRules, option_classes, options_of

N = 4
CORRECT = [0, 1, 2, 3, 0, 1, 2, 3]


def rows(of_correct: list[list[float]]) -> np.ndarray:
    """[prompt, option] attention to each option, by which one is correct."""
    return np.array([of_correct[correct] for correct in CORRECT])


EYE, EVEN = np.eye(N), np.full((N, N), 0.25)
HEADS = {
    "correct letter": 0.8 * (0.9 * EYE + 0.025),
    "single letter B": 0.6 * np.where(np.arange(N)[:, None] == 1, EYE[1], EVEN),
    "fixed letter D": np.tile([0.1, 0.1, 0.1, 0.6], (N, 1)),
    "uniform": 0.2 * np.ones((N, N)),
    "amplification": 0.01 * EYE,
    # Twice the share for the correct one is neither one class nor another.
    None: 0.1 + 0.1 * EYE,
}


def test_a_head_of_each_class():
    attention = np.stack([rows(own.tolist()) for own in HEADS.values()], axis=2)
    recent = np.full((len(CORRECT), len(HEADS)), 0.1)
    recent[:, list(HEADS).index("amplification")] = 0.9
    assert option_classes(attention, CORRECT, recent, "ABCD") == list(HEADS)
    nothing = np.zeros_like(recent)
    assert option_classes(attention, CORRECT, nothing, "ABCD")[4] is None
    eager = OptionRules(most=0.35, apart=0.1)
    assert option_classes(attention, CORRECT, recent, "ABCD", eager)[-1] == "correct letter"


def test_which_option_is_correct_is_where_its_role_is():
    roles = {"option_A": (1,), "option_B": (3, 4), "correct_option": (3, 4)}
    prompt = Prompt(tuple(range(6)), tuple(range(6)), (7,), roles=roles)
    assert options_of(prompt, ["option_A", "option_B"], "correct_option") == 1
    assert options_of(prompt, ["option_A"], "correct_option") is None
    assert options_of(prompt, ["option_A", "option_C"], "correct_option") is None
    assert options_of(prompt, ["option_A", "option_B"], "right") is None


def test_one_correct_option_tells_no_classes_apart():
    with pytest.raises(ValueError, match="of 2 options 1 is ever correct"):
        option_classes(np.ones((3, 2, 1)), [1, 1, 1], np.ones((3, 1)), "AB")
