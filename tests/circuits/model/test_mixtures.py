"""Mixtures of experts: their MLP is used as the family wrote it, which takes three dimensions only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.evaluation.faithfulness import circuit_values, measure_baseline
from circuits.methods import ExactEdges
from circuits.metrics import METRICS
from circuits.model.load import Model, model_from_module
from tests.circuits.unusual_models import mixture
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def _model(name: str) -> Model:
    return model_from_module(mixture(name), name=name)


@pytest.mark.parametrize("name", ["mixtral", "llama4"])
def test_every_edge_equals_the_run_with_that_edge_left_out(name):
    model, prompts = _model(name), random_prompts(3, length=6, shared_prefix=2)
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    circuits = np.vstack([~np.eye(model.wiring.n_edges, dtype=bool), np.ones((1, model.wiring.n_edges), dtype=bool)])
    *without_one, everything = circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(everything, baseline.clean, atol=2e-5 * np.abs(baseline.clean).max())
    expected = (baseline.clean - np.array(without_one)).T
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(scores.per_prompt, expected, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", ["mixtral", "llama4"])
def test_experts_read_stacked_runs_as_they_read_each_alone(name):
    layer = _model(name).forward.layers[0]
    values = torch.randn(2, 3, 4, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together, alone = layer.mlp_out(values), torch.stack([layer.mlp_out(run) for run in values])
    torch.testing.assert_close(together, alone)
