"""Direct effects: a planted sign flip, equality with total effects where nothing comes after, and with exact edges."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.components import Edge
from circuits.methods import ActivationPatching, DirectEffect, ExactEdges
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import backup_prompts, write_sign_flip
from tests.circuits.plain_runs import long_prompts
from tests.conftest import FAMILIES, MORE_FAMILIES, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def test_a_later_part_that_contradicts_a_head_turns_its_total_effect_around(tmp_path):
    model, prompts = load_model(str(write_sign_flip(tmp_path))), backup_prompts(4)
    direct, total = (
        method.score(model, prompts, metric=LOGIT_DIFFERENCE)
        for method in (DirectEffect(), ActivationPatching(kinds=("head", "mlp")))
    )
    names = [str(part) for part in direct.components]
    assert names == ["a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1"]
    assert direct.per_prompt[:, 0].tolist() == [[2, 0, 0, 0, 0, -3]] * 4
    assert total.per_prompt[:, 0].tolist() == [[-1, 0, 0, 0, 0, -3]] * 4


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_of_a_part_that_nothing_reads_the_direct_effect_is_the_total_effect(family, family_model):
    model, prompts = family_model(family), random_prompts(4, shared_prefix=2)
    direct, total = (
        method.score(model, prompts, metric=LOGIT_DIFFERENCE)
        for method in (DirectEffect(at="roles"), ActivationPatching(at="roles", kinds=("head", "mlp")))
    )
    assert direct.positions == total.positions
    n_last = model.wiring.n_heads + 1 if model.wiring.is_parallel else 1
    np.testing.assert_allclose(direct.per_prompt[..., -n_last:], total.per_prompt[..., -n_last:], atol=2e-5)
    np.testing.assert_array_equal(direct.measured, total.measured)
    assert np.abs(direct.at("END").per_prompt).max() > 0.01
    assert not direct.at("first").per_prompt.any()  # nothing is read there
    assert np.abs(direct.per_prompt[..., 0] - total.per_prompt[..., 0]).max() > 0.01


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "qwen3"])
def test_direct_effects_are_those_of_edges_to_the_logits(family, family_model):
    model, prompts = family_model(family), random_prompts(3)
    direct = DirectEffect().score(model, prompts, metric=LOGIT_DIFFERENCE)
    edges = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    at = [model.wiring.edges.index(Edge.parse(f"{part}->logits")) for part in direct.components]
    np.testing.assert_allclose(direct.per_prompt[:, 0], edges.per_prompt[:, at], atol=2e-5)


def test_answers_of_several_tokens_are_read_where_each_is_predicted(family_model):
    model, prompts, metric = family_model("llama"), long_prompts(), METRICS["log-probability-difference"]
    direct, total = (
        method.score(model, prompts, metric=metric) for method in (DirectEffect(), ActivationPatching(kinds=("mlp",)))
    )
    np.testing.assert_allclose(direct.per_prompt[..., -1], total.per_prompt[..., -1], atol=2e-5)
    assert np.abs(direct.per_prompt[..., -1]).max() > 0.01


def test_other_kinds_have_no_direct_way():
    with pytest.raises(ValueError, match=r"direct-effect: kinds='attention'. Known: head, mlp"):
        DirectEffect(kinds=("attention",))  # pyright: ignore[reportArgumentType]
