"""What holds for every entry of METHODS."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import METHODS
from circuits.metrics import METRICS, Metric
from circuits.scores import ComponentScores, EdgeScores, ScoresAre
from tests.conftest import MEASURING, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
every_method = pytest.mark.parametrize("name", MEASURING)
# Random models solve no task, and a few epochs or steps are enough here.
FEW = {"least_accuracy": 0, "epochs": 20, "trials": 2, "features": 12}
SETTINGS = {"head-coding": FEW, "code-pairs": FEW, "mask-learning": {"steps": 10}}
READ_NO_METRIC = {"random", "head-coding", "code-pairs"}


def method_of(name):
    return METHODS[name](**SETTINGS.get(name, {}))


def state_of(model):
    """Everything about a model and torch that a method must leave as it was."""
    modules = dict(model.bridge.original_model.named_modules())
    return (
        {
            name: (p.detach().clone(), p.requires_grad, p.grad)
            for name, p in model.bridge.original_model.named_parameters()
        },
        {name: (len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for name, m in modules.items()},
        [len(block._forward_pre_hooks) for block in model.bridge.blocks],
        torch.random.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002  the global state must not change
        torch.is_grad_enabled(),
    )


def assert_same(before, after):
    parameters, *rest = before
    later, *later_rest = after
    assert rest == later_rest
    for name, (value, requires_grad, gradient) in parameters.items():
        assert torch.equal(value, later[name][0]), name
        assert (requires_grad, gradient) == later[name][1:], name


@every_method
def test_scores_are_in_wiring_order_and_one_row_per_prompt(name, family_model):
    model, prompts = family_model("llama"), random_prompts(4)
    method = method_of(name)
    scores = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert len(scores.per_prompt) == len(prompts)
    assert scores.wiring == model.wiring
    if method.result == "edges":
        assert isinstance(scores, EdgeScores)
        assert scores.per_prompt.shape == (4, len(model.wiring.edges))
    else:
        assert isinstance(scores, ComponentScores)
        known = [str(c) for c in scores.components if c in model.wiring.writers]
        assert known == sorted(known, key=[str(w) for w in model.wiring.writers].index)


@every_method
def test_the_same_call_gives_the_same_bits(name, family_model):
    first, second = (
        method_of(name).score(family_model("gpt2"), random_prompts(4), metric=LOGIT_DIFFERENCE) for _ in range(2)
    )
    assert first.per_prompt.tobytes() == second.per_prompt.tobytes()


@every_method
def test_the_model_is_left_as_it_was(name, family_model):
    model = family_model("gpt2")
    before = state_of(model)
    method_of(name).score(model, random_prompts(3), metric=LOGIT_DIFFERENCE)
    assert_same(before, state_of(model))


class Breaking(Metric):
    """Fails when it is read the second time."""

    name = "breaking"
    summary = "fails halfway"

    def values(self, logits, targets, clean_logits=None):
        if getattr(Breaking, "n_read", 0) >= 1:
            raise RuntimeError("the metric broke halfway")
        Breaking.n_read = 1
        return logits.sum(-1)


@pytest.mark.parametrize("name", sorted(set(MEASURING) - READ_NO_METRIC))
def test_the_model_is_left_as_it_was_after_an_exception_halfway(name, family_model):
    model = family_model("gpt2")
    before = state_of(model)
    Breaking.n_read = 0
    # Lengths so far apart that they are two batches.
    prompts = PromptSet("far apart", (*random_prompts(2), *random_prompts(2, length=60)))
    with pytest.raises(RuntimeError, match="broke halfway"):
        method_of(name).score(model, prompts, metric=Breaking())
    assert_same(before, state_of(model))


@every_method
def test_settings_survive_json(name):
    method = method_of(name)
    settings = json.loads(json.dumps(dataclasses.asdict(method)))
    assert METHODS[name](**settings) == method


@every_method
def test_prompts_of_another_vocabulary_are_refused_before_running(name, family_model):
    prompts = PromptSet("far", (Prompt((1, 2), (1, 70), (3,), (4,)),) * 2)
    with pytest.raises(ValueError, match="prompt 0: token 70 is not in the model's vocabulary of 50"):
        method_of(name).score(family_model("gpt2"), prompts, metric=LOGIT_DIFFERENCE)


@every_method
def test_prompts_longer_than_the_model_takes_are_refused(name, family_model):
    prompts = PromptSet("long", (Prompt((1,) * 65, (2,) * 65, (3,), (4,)),) * 2)
    with pytest.raises(ValueError, match="prompt 0 has 65 tokens; 'tiny-gpt2' takes at most 64"):
        method_of(name).score(family_model("gpt2"), prompts, metric=LOGIT_DIFFERENCE)


@every_method
def test_a_metric_without_its_wrong_answers_is_refused(name, family_model):
    prompts = PromptSet("one", (Prompt((1, 2), (1, 3), (3,)),))
    with pytest.raises(ValueError, match="no wrong answer"):
        method_of(name).score(family_model("gpt2"), prompts, metric=LOGIT_DIFFERENCE)


@every_method
def test_records_say_where_the_numbers_came_from(name, family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    record = method_of(name).score(model, prompts, metric=LOGIT_DIFFERENCE).provenance
    assert (record.method, record.metric, record.model_fingerprint) == (name, "logit-difference", model.fingerprint)
    assert record.prompts_fingerprint == prompts.fingerprint
    assert record.settings == dataclasses.asdict(method_of(name))
    assert "torch" in record.versions
    assert record.scores_are == METHODS[name].scores_are
    assert record.scores_are in get_args(ScoresAre)
