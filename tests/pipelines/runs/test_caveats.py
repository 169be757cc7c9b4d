"""Warnings that say when a circuit explains nothing that the model does, or was chosen by nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuits.components import Component, Wiring
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import Baseline
from circuits.scores import ComponentScores, EdgeScores, Provenance
from pipelines.runs.caveats import accuracy_of, at_baseline, of_accuracy, of_scores, of_ties, of_words


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
        (30, 1, "answers 50% of the prompts correctly, no more than by chance (50%)"),
        (24, 3, "answers 40% of the prompts correctly: this is not"),
        (15, 46, "answers 25% of the prompts correctly: this is not"),
        (0, 1, "answers 0% of the prompts correctly, no more than by chance (50%)"),
    ],
)
def test_a_task_that_is_not_solved_is_named_with_what_chance_gives(n_correct: int, n_wrong: int, said: str) -> None:
    (warning,) = of_accuracy(summary_of(n_correct, 0, 60, n_wrong=n_wrong))
    assert said in warning
    # What keeps the prompts that are answered is named where there are any, and that luck is not told from skill.
    _, advice = warning.split("not the circuit of a solved task.")
    assert ("--solved keeps only the prompts that it answers correctly" in advice) == (n_correct > 0)
    assert ("by luck" in advice) == ("chance" in said and n_correct > 0)


@pytest.mark.parametrize(("n_correct", "n", "n_wrong", "fewest"), [(3, 3, 1, 4), (20, 60, 3, 104), (3, 4, 1, 16)])
def test_prompts_that_are_too_few_to_tell_are_no_task_that_is_not_solved(
    n_correct: int, n: int, n_wrong: int, fewest: int
) -> None:
    """More prompts would tell; keeping only solved ones would not."""
    (warning,) = of_accuracy(summary_of(n_correct, 0, n, n_wrong=n_wrong))
    assert f"too few prompts to tell. At this accuracy it takes at least {fewest}." in warning
    assert "--solved" not in warning
    assert "not the circuit" not in warning
    # With as many, and as many of them right, it is told.
    enough = -(-fewest // n) * n
    assert all("too few" not in text for text in of_accuracy(summary_of(n_correct * enough // n, 0, enough)))


def test_a_model_of_one_output_is_neither_right_nor_wrong() -> None:
    summary = accuracy_of(Baseline(np.ones(2), np.zeros(2), None), PromptSet("mine", (Prompt((1,), (2,), (0,)),)))
    assert set(summary.values()) == {None}
    assert of_accuracy(summary) == []


def test_what_the_baseline_says_is_said_with_the_gap_where_it_may_be_none() -> None:
    prompts = PromptSet("mine", (Prompt((1, 2), (1, 3), (4,), (5,)),) * 4)
    solved = np.ones(4, dtype=np.bool_)
    clean, far, near = np.array([1.0, 2, 3, 4]), np.full(4, -9.0), np.array([2.0, 1, 4, 3])
    of_many = PromptSet("mine", prompts.prompts * 15)
    assert at_baseline(Baseline(np.tile(clean, 15), np.tile(far, 15), np.tile(solved, 15)), of_many) is None
    said = at_baseline(Baseline(clean, near, ~solved), prompts)
    assert said is not None
    assert "of the 4 prompts run so far: The model answers 0% of the prompts correctly, no more" in said
    # t(3) = 3.182; sd 1.291 of the values and 1.155 of the differences -1, 1, -1, 1, both over the root of 4.
    each = "2.500 [0.446, 4.554]"
    assert f"may not differ in the metric: clean {each}, corrupt {each}, gap 0.000 [-1.837, 1.837]." in said


def test_one_prompt_is_spoken_of_as_one_and_its_small_values_are_told() -> None:
    one = PromptSet("mine", (Prompt((1, 2), (1, 3), (4,), (5,)),))
    said = at_baseline(Baseline(np.array([1.75e-6]), np.array([2.25e-6]), np.ones(1, dtype=np.bool_)), one)
    assert said is not None
    assert "warning, of the 1 prompt run so far: " in said
    assert "clean 1.75e-06 [-], corrupt 2.25e-06 [-], gap -5e-07 [-]." in said


WIRING = Wiring(n_layers=1, n_heads=2, n_kv_heads=2, has_mlps=False)
GAP_OF_TWO = Baseline(np.full(3, 2.0), np.zeros(3), None)
HEADS = (Component.parse("a0.h0"), Component.parse("a0.h1"))


def origin(scores_are: str = "measured") -> Provenance:
    return Provenance("mine", {}, "logit-difference", "tiny", "f", "task", "p", scores_are=scores_are)


def edges_of(value: float, *, measured: bool = True, **about: Any) -> EdgeScores:
    """Every edge scores `value` on the first of three prompts, and 0 on the others."""
    per_prompt = np.zeros((3, WIRING.n_edges))
    per_prompt[0] = value
    return EdgeScores(WIRING, per_prompt, np.full(WIRING.n_edges, measured), origin(**about))


def heads_at(**scores: float) -> ComponentScores:
    """Scores of both heads at each of some positions, on each of three prompts."""
    per_prompt = np.broadcast_to(np.array(list(scores.values()))[None, :, None], (3, len(scores), 2)).copy()
    return ComponentScores(WIRING, HEADS, tuple(scores), per_prompt, np.ones_like(per_prompt, dtype=bool), origin())


def test_scores_that_are_all_zero_are_named_with_what_to_do() -> None:
    (warning,) = of_scores(edges_of(0.0), GAP_OF_TWO)
    assert warning.startswith("every score of mine is zero: nothing was found.")
    assert "comes in the model's own order. Look at other parts or positions" in warning
    assert of_scores(heads_at(S=0, END=0), GAP_OF_TWO) == [warning]
    assert of_scores(edges_of(1e-9, scores_are="learned"), GAP_OF_TWO) == []


def test_rounding_of_the_metric_is_no_effect() -> None:
    of_twenty = Baseline(np.full(3, 20.0), np.full(3, 20.0), None)
    (warning,) = of_scores(edges_of(1e-4), of_twenty)
    assert warning.startswith("every score of mine is zero but for rounding: nothing was found.")
    assert of_scores(edges_of(3e-4), of_twenty) == []
    assert of_scores(heads_at(S=1e-4, END=1), of_twenty, position="S")[0].startswith(
        "every score of mine at 'S' is zero"
    )
    assert of_scores(edges_of(1e-4, scores_are="counted"), of_twenty) == []


def test_scores_that_are_not_there_are_not_zero() -> None:
    assert of_scores(edges_of(0.0, measured=False), GAP_OF_TWO) == []


def test_scores_of_a_thousandth_of_the_effect_are_nothing_found() -> None:
    (warning,) = of_scores(edges_of(0.005), GAP_OF_TWO)  # a mean of 0.0017
    assert "no mean score of mine reaches a thousandth of the whole effect (the largest is 0.0017, of 2)" in warning
    assert of_scores(edges_of(0.0061), GAP_OF_TWO) == []
    assert of_scores(edges_of(-0.0061, scores_are="estimated"), GAP_OF_TWO) == []
    # Without an effect there is no share of it; shares of it say nothing about numbers that are no effects.
    assert of_scores(edges_of(0.005), Baseline(np.zeros(3), np.zeros(3), None)) == []
    assert of_scores(edges_of(0.005, scores_are="counted"), GAP_OF_TWO) == []


def test_zeros_at_the_position_that_the_circuit_is_chosen_at_are_named_with_the_others() -> None:
    scores = heads_at(S=0, IO=1, END=2)
    (warning,) = of_scores(scores, GAP_OF_TWO, position="S")
    assert warning.startswith("every score of mine at 'S' is zero")
    assert warning.endswith("Choose a position where some are not (IO, END).")
    assert of_scores(scores, GAP_OF_TWO, position="IO") == of_scores(scores, GAP_OF_TWO) == []


def test_ties_say_how_many_more_to_ask_for() -> None:
    assert of_ties({}) == []
    edges, component = of_ties({"edges": 3, "components": 1})
    assert "3 more edges score the same as the weakest that was chosen" in edges
    assert edges.endswith("ask for 3 more to have them all, or for fewer.")
    assert "1 more component scores the same" in component


def test_words_of_a_template_that_judge_a_circuit_are_told_where_none_is_new():
    def prompts(*words: int) -> PromptSet:
        pairs = (Prompt((1, word, 3), (1, 2, 3), (4,), (5,), 2, {"S": (1,), "END": (2,)}) for word in words)
        return PromptSet("names", tuple(pairs))

    (said,) = of_words(prompts(7, 8), prompts(8, 7))
    assert "held out are combinations of words" in said
    assert of_words(prompts(7, 8), prompts(8, 9)) == []
    without_slots = PromptSet("plain", (Prompt((1,), (2,), (4,), (5,), 0),))
    assert of_words(without_slots, without_slots) == []
