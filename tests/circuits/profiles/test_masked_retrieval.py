"""Retrieval heads and what becomes of the copy without them: a model made by hand, and the bundled one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits import KnockOut, Uniform
from circuits.evaluation.edit_effects import edit_values
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.profiles import Retrieval, measure_profiles
from circuits.tasks import TASKS
from tests.bundled import bundled
from tests.circuits.hand_models import write_induction

HEADS = ("a0.h0", "a0.h1", "a1.h0", "a1.h1")


def needle_prompts(n: int = 12) -> PromptSet:
    """Two letters, the wrong answer; a cue and a needle of two letters; the cue again."""
    draw, prompts = random.Random(0), []
    for _ in range(n):
        first, second, cue, one, two = draw.sample(range(1, 9), 5)
        ids = (0, first, second, cue, one, two, cue)
        prompts.append(Prompt(ids, ids, ((one, two),), ((first, second),), roles={"needle": (4, 5)}))
    return PromptSet("needle by hand", tuple(prompts))


@pytest.fixture(scope="module")
def induction(tmp_path_factory):
    return load_model(str(write_induction(tmp_path_factory.mktemp("model"))))


def test_the_induction_head_alone_retrieves_and_without_it_nothing_is_known(induction):
    prompts = needle_prompts()
    (scores,) = measure_profiles(induction, prompts, [Retrieval()])
    assert dict(zip(map(str, scores.components), scores.means[0].tolist(), strict=True)) == {
        **dict.fromkeys(HEADS, 0.0),
        "a1.h1": 1.0,
    }
    values = edit_values(
        induction, prompts, [{head: KnockOut("all")} for head in HEADS], metric=METRICS["log-probability-difference"]
    )
    plain, *without = zip(values.metric, values.is_top1, strict=True)
    np.testing.assert_allclose(plain[0], 2, atol=1e-5)  # the first token; behind it both are copied
    assert plain[1].all()
    by_head = dict(zip(HEADS, without, strict=True))
    for head in ("a0.h1", "a1.h0"):  # write nothing
        np.testing.assert_array_equal(by_head[head], plain)
    # The previous-token head retrieves nothing and feeds the one that does: a low score is not a head without use.
    for head in ("a1.h1", "a0.h0"):
        np.testing.assert_allclose(by_head[head][0], 0, atol=1e-6)
        assert not by_head[head][1].any()


def test_on_the_bundled_model_heads_that_retrieve_hide_each_other():
    model = bundled("reference")
    prompts = TASKS["needle"](lengths=(20,)).build(model.tokenizer, n=40)  # pyright: ignore[reportCallIssue]
    retrieving = [f"a1.h{index}" for index in range(4)]
    sets = [["a1.h0"], retrieving, [f"a3.h{index}" for index in range(4)], ["a0.h0"]]
    values = edit_values(
        model,
        prompts,
        [{head: Uniform("all") for head in heads} for heads in sets],
        metric=METRICS["log-probability-difference"],
    )
    plain, one, all_four, last_layer, feeding = values.is_top1.mean(axis=1)
    assert plain > 0.2
    assert one > plain - 0.15
    assert max(all_four, feeding) < 0.1 * plain
    assert last_layer > plain - 0.15
