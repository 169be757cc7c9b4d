"""Attention without torch's fused kernel, which a GPU uses where gradients of long prompts are needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.methods import IntegratedEdgeAttribution
from circuits.metrics import METRICS
from circuits.model import layers
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptneo"])
def test_scores_are_those_of_the_fused_kernel(family, family_model, monkeypatch):
    model, prompts = family_model(family), random_prompts(4, shared_prefix=3)
    asked = []

    def always(q, k):
        asked.append(k.shape[2])
        return True

    expected = IntegratedEdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    monkeypatch.setattr(layers, "_adds_in_any_order", always)
    actual = IntegratedEdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    assert max(asked) == 10
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_the_cpu_keeps_its_kernel():
    q = torch.zeros(1, 1, 100, 4, requires_grad=True)
    with torch.enable_grad():
        assert not layers._adds_in_any_order(q, q)
