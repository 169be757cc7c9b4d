"""Removal to first order: the slope of the metric as a component's edges fade, found by one gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.ablations import Corrupt, Zero
from circuits.effects.circuit_runs import metric_with_edges
from circuits.effects.paired_runs import each_pair
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.first_order import component_removal_effects, removal_effects
from circuits.masks import Parts, pruned
from circuits.metrics import METRICS
from tests.circuits.plain_runs import long_prompts
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
ABLATED = pytest.mark.parametrize("ablation", [Corrupt(), Zero()], ids=["corrupt", "zero"])


def slopes(model, prompts, circuit, ablation, metric=LOGIT_DIFFERENCE):
    """[writer] the mean metric's slope in the weights of the circuit's edges, summed by where they start."""
    metrics = []
    weights = torch.from_numpy(circuit).float().requires_grad_()
    with torch.enable_grad():
        each_pair(
            model,
            prompts,
            metric,
            ablation,
            lambda pair: metrics.append(metric_with_edges(model, pair, weights[None])[0]),
        )
        (slope,) = torch.autograd.grad(torch.cat(metrics).mean(), weights)
    parts = Parts.edges(model.wiring)
    return np.bincount(parts.owners, weights=slope.numpy() * circuit, minlength=parts.n_writers)


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "qwen3"])
@ABLATED
def test_effects_are_the_slopes_in_the_weights_of_the_edges(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(4, shared_prefix=2)
    circuit = pruned(model.wiring, np.random.default_rng(0).random(model.wiring.n_edges) < 0.4)
    options = {"metric": LOGIT_DIFFERENCE, "ablation": ablation}
    whole = np.ones_like(circuit)
    effects = removal_effects(model, prompts, np.stack([circuit, whole]), **options)
    for mask, row in zip((circuit, whole), effects, strict=True):
        expected = slopes(model, prompts, mask, ablation)
        np.testing.assert_allclose(row, expected, atol=1e-4 * np.abs(expected).max())
    assert (
        np.abs(effects[0, ~np.isin(np.arange(effects.shape[1]), Parts.edges(model.wiring).owners[circuit])]).max() == 0
    )


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
@ABLATED
def test_components_have_the_effects_of_all_their_edges(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(4)
    kept = np.random.default_rng(0).random((3, len(model.wiring.writers))) < 0.7
    kept[:2, 0] = True
    options = {"metric": LOGIT_DIFFERENCE, "ablation": ablation}
    by_components = component_removal_effects(model, prompts, kept, **options)
    by_edges = removal_effects(model, prompts, kept[:, Parts.edges(model.wiring).owners], **options)
    np.testing.assert_allclose(by_components[:2], by_edges[:2], atol=1e-4 * np.abs(by_edges).max())
    assert (by_components[~kept] == 0).all()
    runner = CircuitRunner(model, prompts, LOGIT_DIFFERENCE, ablation)
    without = runner.parts.without(runner.parts.everything, ~kept[:1])
    np.testing.assert_array_equal(runner.removal_effects(without), by_components[:1])


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@ABLATED
def test_effects_on_answers_of_several_tokens_are_those_of_all_their_sequences(family, ablation, family_model):
    model, prompts, metric = family_model(family), long_prompts(), METRICS["log-probability-difference"]
    options = {"metric": metric, "ablation": ablation}
    circuit = pruned(model.wiring, np.random.default_rng(0).random(model.wiring.n_edges) < 0.4)
    (effects,) = removal_effects(model, prompts, circuit[None], **options)
    expected = slopes(model, prompts, circuit, ablation, metric)
    np.testing.assert_allclose(effects, expected, atol=1e-4 * np.abs(expected).max())
    kept = np.random.default_rng(0).random((1, len(model.wiring.writers))) < 0.7
    kept[:, 0] = True
    by_components = component_removal_effects(model, prompts, kept, **options)
    by_edges = removal_effects(model, prompts, kept[:, Parts.edges(model.wiring).owners], **options)
    np.testing.assert_allclose(by_components, by_edges, atol=1e-4 * np.abs(by_edges).max())


def test_a_model_that_refuses_edges_has_effects_of_components(family_model):
    model, prompts = family_model("gemma2"), random_prompts(4)
    runner = CircuitRunner(model, prompts, LOGIT_DIFFERENCE)
    (effects,) = runner.removal_effects(runner.parts.everything[None])
    # Near the whole model a component that fades a little moves the metric by that slope.
    assert effects.shape == (len(model.wiring.writers),)
    assert np.abs(effects).min() > 0
