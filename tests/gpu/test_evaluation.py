"""Circuits run on a GPU give what they give on the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.ablations import ABLATIONS
from circuits.evaluation.faithfulness import circuit_values, component_circuit_values, measure_baseline
from circuits.metrics import METRICS
from tests.conftest import random_prompts
from tests.gpu.conftest import bundled, family, ioi, on_gpu

pytestmark = on_gpu

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def circuits_of(model, n=12):
    """Random circuits from nearly empty to nearly whole, the empty one and the whole one."""
    draw = np.random.default_rng(0)
    shares = np.linspace(0.02, 0.98, n)[:, None]
    drawn = draw.random((n, model.wiring.n_edges)) < shares
    return np.vstack([drawn, np.zeros_like(drawn[:1]), np.ones_like(drawn[:1])])


@pytest.mark.parametrize("ablation", ["corrupt", "mean", "zero"])
@pytest.mark.parametrize("name", ["reference", "neox", "llama", "qwen3", "mixtral"])
def test_circuits_have_the_metric_they_have_on_the_cpu(name, ablation, near):
    of_device, prompts = (bundled, ioi()) if name == "reference" else (family, random_prompts(6, shared_prefix=3))
    values = []
    for device in ("cpu", "cuda"):
        model = of_device(name, device)
        # Few at a time as well: the readers that are run depend on the circuits that are stacked.
        parts = [circuits_of(model), circuits_of(model)[:1], circuits_of(model)[3:5]]
        given = {"metric": LOGIT_DIFFERENCE, "ablation": ABLATIONS[ablation]().fitted(model, prompts)}
        values.append(np.concatenate([circuit_values(model, prompts, part, **given) for part in parts]))
    near(values[1], values[0], 1e-4)


def test_component_circuits_and_the_baseline_are_those_of_the_cpu(near):
    prompts, found = ioi(), []
    for device in ("cpu", "cuda"):
        model = bundled("reference", device)
        kept = np.random.default_rng(0).random((20, len(model.wiring.writers))) < 0.7
        baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
        values = component_circuit_values(model, prompts, kept, metric=LOGIT_DIFFERENCE)
        found.append((values, np.stack([baseline.clean, baseline.ablated]), baseline.is_correct))
    for actual, expected in zip(found[1][:2], found[0][:2], strict=True):
        near(actual, expected, 1e-4)
    assert (found[0][2] == found[1][2]).all()
