"""Norms as formulas, and gradients carried back through them."""

from __future__ import annotations

import pytest
import torch

from circuits.ablations import Corrupt
from circuits.effects.contributions import gaps_between
from circuits.effects.gradients import edge_effects, gradients
from circuits.effects.paired_runs import record_pair
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.load import model_from_module
from circuits.model.norms import known_norm
from tests.conftest import FAMILIES, random_module, random_prompts

WIDTH = 32


@pytest.mark.parametrize("family", FAMILIES)
def test_the_norm_of_every_family_is_known(family, family_model):
    layer = family_model(family).forward.layers[0]
    norm = layer.known_norm
    assert norm is not None
    assert norm.is_centered == (family in ("gpt2", "neox"))
    values = 3 * torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1)) + 1
    again = norm.gain * norm.centered(values) * norm.scale(values) + norm.bias
    torch.testing.assert_close(again, layer.norm_attention(values), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("function", [torch.tanh, lambda values: values, lambda values: values / values.abs().sum()])
def test_what_is_no_norm_is_not_taken_for_one(function):
    assert known_norm(function, torch.zeros(WIDTH)) is None


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "qwen3"])
@pytest.mark.parametrize("n_points", [1, 3])
def test_the_formula_gives_the_effects_of_the_norms_own_backward_pass(family, n_points):
    model, prompts = model_from_module(random_module(family)), random_prompts(4, shared_prefix=3)
    forward = model.forward
    for batch in batches(prompts, forward):
        pair = record_pair(forward, batch, METRICS["logit-difference"], Corrupt())
        clean, corrupt = pair.clean.residual[0], pair.ablated.residual[0]
        entering = torch.cat([corrupt + point / n_points * (clean - corrupt) for point in range(1, n_points + 1)])
        at_readers, gaps = gradients(forward, pair, entering), gaps_between(pair.clean, pair.ablated)
        effects = []
        for is_known in (True, False):
            for layer in forward.layers:
                layer.__dict__["known_norm"] = known_norm(layer.norm_attention, clean) if is_known else None
            effects.append(edge_effects(forward, model.wiring, batch, gaps, at_readers))
        torch.testing.assert_close(*effects, rtol=1e-4, atol=1e-5 * float(effects[1].abs().max()))
