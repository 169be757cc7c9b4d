"""CleanCorrupt: the mean of the EAP estimates at the clean and at the corrupt end."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.methods import CleanCorrupt, EdgeAttribution, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama"])
def test_it_is_the_mean_of_the_estimates_at_each_end(family, family_model):
    """EAP takes the gradient in the clean run; EAP-IG with one left point takes it in the corrupt one."""
    model, prompts = family_model(family), random_prompts(shared_prefix=3)
    at_clean, at_corrupt, combined = (
        method.score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
        for method in (EdgeAttribution(), IntegratedEdgeAttribution(steps=1), CleanCorrupt())
    )
    np.testing.assert_allclose(combined, (at_clean + at_corrupt) / 2, atol=1e-5 * np.abs(combined).max())
    assert np.abs(at_clean - at_corrupt).max() > 1e-2
