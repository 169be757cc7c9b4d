"""Heads are found where they turn to wrong words on the other task alone; later heads are described right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from circuits.edits import SetRows
from circuits.edits.downstream import Observed, observe
from circuits.evaluation.repair import best_set, candidates, importance_correlation, mover, movers, paths, turns
from circuits.intervals import Estimate, Interval
from circuits.model.load import load_model
from tests.circuits.hand_models import CUE_FAILS, CUE_WORKS, inhibition_prompts, write_inhibition
from tests.conftest import random_prompts


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(str(write_inhibition(tmp_path_factory.mktemp("inhibition"))))


def observed(model, cues, edits=None) -> Observed:
    return observe(model, inhibition_prompts(8, cues), ["right", "wrong"], edits)


def test_the_head_that_inhibits_on_the_other_task_alone_is_found(model):
    found = turns(observed(model, (CUE_FAILS,)), observed(model, (CUE_WORKS,)))
    assert found[0].head == "a0.h0"
    assert (found[0].focus, found[0].like_focus, found[0].difference.value) == (0, 1, 1)
    assert found[-1].head == "a1.h1"  # the mover turns to the right letter where it is told which
    assert found[-1].difference.value == -1
    chosen = candidates([t.head for t in found], [t.difference for t in found], most=4, least=0.1)
    assert chosen == (["a0.h0"], True)


def test_candidates_are_those_that_surely_differ_or_else_the_largest():
    sure, unsure = Interval(0.1, 0.9), Interval(-0.1, 0.9)
    heads, values = ["a", "b", "c", "d"], [0.5, 0.2, 0.4, 0.05]
    differences = [
        Estimate(value, ends) for value, ends in zip(values, (sure, sure, unsure, Interval(0.01, 0.09)), strict=True)
    ]
    assert candidates(heads, differences, most=9, least=0.1) == (["a", "b"], True)
    assert candidates(heads, differences, most=1, least=0.1) == (["a"], True)
    assert candidates(heads, differences, most=3, least=0.6) == (["a", "c", "b"], False)


def test_the_best_set_has_most_right_answers_then_top_ones_then_fewest_heads():
    sets = [("a",), ("a", "b"), ("b",)]
    correct = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0]], dtype=bool)
    top1 = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 1]], dtype=bool)
    assert best_set(sets, correct, top1) == 1
    assert best_set(sets, correct, np.ones((3, 3), dtype=bool)) == 0


def test_movers_turn_and_say_more_under_the_edit(model):
    before, after = (
        observed(model, (CUE_WORKS, CUE_FAILS), edits) for edits in (None, {"a0.h0": SetRows("END", "wrong")})
    )
    importance = np.array([[0.0, 0, 1, 4], [0, 0, 2, 0]])
    found = mover(["a1.h1"], before, after, importance)
    assert (found.head, found.importance) == ("a1.h1", 2)
    assert (found.right, found.right_change.value) == (0.75, 0.25)
    assert (found.wrong, found.wrong_change.value) == (0.25, -0.25)
    assert (found.direct, found.direct_change.value) == (1, 1)
    assert found.direct_ratio is not None
    assert found.direct_ratio.value == 2
    assert mover(["a1.h0"], before, after, importance).direct_ratio is None
    together = mover(["a1.h0", "a1.h1"], before, after, importance)
    assert (together.head, together.importance, together.direct_change.value) == ("a1.h0, a1.h1", 3.5, 1)
    assert together.right_change.value == 0.125


def test_who_says_the_change_adds_up_to_it(model, family_model):
    before, after = (
        observed(model, (CUE_WORKS, CUE_FAILS), edits) for edits in (None, {"a0.h0": SetRows("END", "wrong")})
    )
    found = paths(["a0.h0"], before, after)
    assert [part.value for part in found] == [1, 0, 1, 0]  # the mover says it, not the edited head
    random, prompts = family_model("qwen3"), random_prompts(5)
    edits = {"a0.h1": SetRows("END", "first"), "a1.h2": SetRows("END", "first")}
    seen = [observe(random, prompts, ["END"], own) for own in (None, edits)]
    whole, *parts = (part.value for part in paths(list(edits), *seen))
    assert sum(parts) == pytest.approx(whole, abs=2e-5)
    assert all(abs(part) > 1e-3 for part in parts)


def test_movers_surely_say_the_answer_and_are_not_edited():
    draw = np.random.default_rng(0)
    importance = draw.normal([3, 2, 0, -2, 1], 0.1, size=(20, 5))
    heads = ["a", "b", "c", "d", "e"]
    assert movers(heads, importance, most=5, spared=["b"]) == ["a", "e"]
    assert movers(heads, importance, most=1, spared=[]) == ["a"]
    assert movers([], np.zeros((4, 0)), most=5, spared=[]) == []


def test_the_correlation_with_importance_is_spearmans_with_an_interval():
    draw = np.random.default_rng(0)
    means = draw.normal(size=12)
    change, importance = (
        scale * (means + extra) + draw.normal(0, 0.5, size=(n, 12))
        for scale, extra, n in ((2, draw.normal(0, 0.5, 12), 30), (1, 0, 40))
    )
    found = importance_correlation(change, importance)
    assert found is not None
    expected, _ = spearmanr(change.mean(0), importance.mean(0))
    assert found.value == pytest.approx(expected)
    assert found.interval.low < found.value <= found.interval.high
    assert importance_correlation(change[:, :2], importance[:, :2]) is None
    assert importance_correlation(np.zeros((5, 4)), importance[:, :4]) is None
