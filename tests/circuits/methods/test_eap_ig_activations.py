"""Integrating along each writer's own path: completeness, and what moves together."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.methods import ActivationIntegratedAttribution, ActivationPatching, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama"])
@pytest.mark.parametrize("shared_prefix", [0, 5])
def test_the_edges_of_a_component_add_up_to_its_exact_effect(family, shared_prefix, family_model):
    """The integral of the gradient along the path that patching u takes is the difference that patching u makes."""
    model, prompts = family_model(family), random_prompts(4, length=7, shared_prefix=shared_prefix)
    method = ActivationIntegratedAttribution(steps=150, rule="midpoint", together="component")
    estimate = method.score(model, prompts, metric=LOGIT_DIFFERENCE).node_scores()
    exact = ActivationPatching(kinds=("head", "mlp")).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert estimate.components[1:] == exact.components
    scale = np.abs(exact.per_prompt).max()
    np.testing.assert_allclose(estimate.per_prompt[:, :, 1:], exact.per_prompt, atol=5e-3 * scale)


def test_heads_that_move_together_add_up_to_the_effect_of_the_whole_attention(family_model):
    model, prompts = family_model("gpt2"), random_prompts(4, length=7)
    method = ActivationIntegratedAttribution(steps=150, rule="midpoint")
    estimate = method.score(model, prompts, metric=LOGIT_DIFFERENCE).node_scores()
    exact = ActivationPatching(kinds=("attention",)).score(model, prompts, metric=LOGIT_DIFFERENCE)
    wiring, scale = model.wiring, np.abs(exact.per_prompt).max()
    for layer in range(wiring.n_layers):
        first = 1 + layer * wiring.writers_per_layer
        of_heads = estimate.per_prompt[:, 0, first : first + wiring.n_heads].sum(1)
        np.testing.assert_allclose(of_heads, exact.per_prompt[:, 0, layer], atol=5e-3 * scale)


def test_the_input_moves_as_the_embedding_does(family_model):
    """For edges out of `input` both kinds of integration take the same path, whose ends the left rule exchanges."""
    model, prompts = family_model("llama"), random_prompts(4)
    over_inputs, over_activations = (
        method(steps=3, rule="midpoint").score(model, prompts, metric=LOGIT_DIFFERENCE)
        for method in (IntegratedEdgeAttribution, ActivationIntegratedAttribution)
    )
    from_input = [n for n, edge in enumerate(model.wiring.edges) if str(edge.source) == "input"]
    expected = over_inputs.per_prompt[:, from_input]
    np.testing.assert_allclose(over_activations.per_prompt[:, from_input], expected, atol=1e-5 * np.abs(expected).max())


def test_unknown_settings_name_the_known_ones():
    with pytest.raises(ValueError, match="Known: layer, component"):
        ActivationIntegratedAttribution(together="head")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="At least 1 point"):
        ActivationIntegratedAttribution(steps=0)
