"""Estimates of edits of single heads: exact where the model is linear behind the head, the slope of small edits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from circuits.edits import KnockOut, ScalePosition, Uniform
from circuits.evaluation.edit_effects import edit_values
from circuits.evaluation.edit_estimates import estimated_changes
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import detector_prompts, write_detector
from tests.conftest import random_prompts

METRIC = METRICS["logit-difference"]


def test_behind_linear_layers_the_estimate_is_the_effect(tmp_path: Path):
    model, prompts = load_model(str(write_detector(tmp_path / "model"))), detector_prompts(8)
    heads, edits = ["a1.h0", "a1.h1"], [[Uniform("all")], [KnockOut("END")]]
    made = estimated_changes(model, prompts, heads, edits, metric=METRIC)
    for number, own in enumerate(edits):
        values = edit_values(model, prompts, [{head: own} for head in heads], metric=METRIC).metric
        np.testing.assert_allclose(made[number], values[1:] - values[0], atol=1e-5)
    assert np.abs(made[1, 1]).min() == 2
    assert not made[:, 0].any()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_small_edit_of_any_head_has_the_estimated_slope(family_model, family):
    model, prompts = family_model(family), random_prompts(3)
    heads = [f"a{layer}.h{head}" for layer in range(3) for head in (0, 3)]
    edit = ScalePosition("all", 1.05)
    made = estimated_changes(model, prompts, heads, [[edit]], metric=METRIC)[0]
    values = edit_values(model, prompts, [{head: edit} for head in heads], metric=METRIC).metric
    exact = values[1:] - values[0]
    assert np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(made, exact, atol=0.05 * np.abs(exact).max())


def test_what_has_no_gradient_is_refused(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    judges: Any = SimpleNamespace(name="right", judges_answers=True)
    with pytest.raises(ValueError, match="takes the gradient of the metric, and 'right' has none"):
        estimated_changes(model, prompts, ["a0.h0"], [[Uniform()]], metric=judges)
