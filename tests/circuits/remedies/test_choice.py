"""Heads are chosen by what they gain on some prompts, and heads chosen on noise gain nothing on the others."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.intervals import t_interval
from circuits.remedies.choice import Tried, best, groups, to_try, verdict

HEADS = [f"a{layer}.h{head}" for layer in range(3) for head in range(2)]


def test_the_larger_group_is_taken_and_ranked():
    up = np.array([[1.0, 1], [2, 2], [-1, -1], [0, 0], [-1, 0], [-3, 1]])
    down = np.array([[-1.0, -1], [-2, -2], [4, 2], [1, 0], [0, 2], [-1, 1]])
    found = groups(HEADS, {2.0: up, 0.5: down})
    assert found.probe == 0.5
    assert found.helped == {2.0: 2, 0.5: 3}
    assert found.ranked[:3] == ("a1.h0", "a2.h0", "a1.h1")  # 3, 1 and .5
    assert to_try(found, (0.5, 0.25), sizes=(1, 4)) == [
        Tried(("a1.h0",), 0.5),
        Tried(("a1.h0",), 0.25),
        Tried(("a1.h0", "a2.h0", "a1.h1"), 0.5),
        Tried(("a1.h0", "a2.h0", "a1.h1"), 0.25),
    ]


def test_where_no_head_gains_the_first_of_the_ranking_is_tried():
    found = groups(HEADS, {1.0: -np.arange(12.0).reshape(6, 2)})
    assert found.helped == {1.0: 0}
    assert to_try(found, (1.0,), sizes=(1, 4)) == [Tried(("a0.h0",), 1.0)]


def test_of_equal_gains_the_smallest_set_is_best():
    tried = [Tried(tuple(HEADS[:3]), 1.0), Tried(("a0.h0",), 1.0), Tried(("a0.h1",), 1.0)]
    assert best(tried, np.array([[1.0, 1], [2, 0], [0, 1]])) == 1


@pytest.mark.parametrize(
    ("judged", "random", "gains", "words"),
    [
        ([1.0, 1.2, 0.9, 1.1], [0.1, -0.2], True, "a gain: +2.000 on the prompts that chose, +1.050"),
        ([1.0, 1.2, 0.9, 1.1], [0.1, 3.0], True, "not particular to these heads"),
        ([1.0, 1.2, 0.9, 1.1], [], True, "no sets of other heads of the same layers to compare with"),
        ([1.0, -1.2, 0.9, -1.1], [-5.0], False, "no gain: +2.000 on the prompts that chose, -0.100"),
        ([-1.0, -1.2, -0.9], [-5.0], False, "no gain"),
        ([1.0], [], False, "unbounded"),
    ],
)
def test_the_verdict_says_what_the_other_prompts_say(judged, random, gains, words):
    said = verdict(2.0, np.array(judged), random)
    assert said.gains == gains
    assert words in said.words


def test_heads_chosen_on_noise_gain_on_the_prompts_that_chose_and_not_on_the_others():
    """The winner's curse: 900 heads that do nothing, effects adding up, 40 prompts of which half choose."""
    heads, draw, borne_out = [f"a{n // 30}.h{n % 30}" for n in range(900)], np.random.default_rng(0), 0
    for _ in range(40):
        noise = draw.normal(size=(900, 40)) / 30
        choosing, judging = noise[:, :20], noise[:, 20:]
        found = groups(heads, {1.0: choosing})
        numbers = [heads.index(head) for head in to_try(found, (1.0,), sizes=())[0].heads]
        assert 380 < len(numbers) < 520
        assert t_interval(choosing[numbers].sum(axis=0)).item().low > 1  # where they were chosen, surely a gain
        said = verdict(float(choosing[numbers].sum(axis=0).mean()), judging[numbers].sum(axis=0), [])
        assert said.chosen_gain > 1
        borne_out += said.gains
    assert borne_out <= 4  # one in 40 is expected: the upper tail of a 95 % interval
