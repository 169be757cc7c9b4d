"""Conductance: edges carry a current that no component keeps, from the input to the logits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from circuits.ablations import ABLATIONS
from circuits.components import Wiring
from circuits.evaluation.faithfulness import measure_baseline
from circuits.methods import Conductance, EdgeAttribution, ExactEdges, IntegratedEdgeAttribution
from circuits.methods.eap_ig import points
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import PROGRAMS
from tests.circuits.hooked_models import HookedModel
from tests.conftest import random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
both_rules = pytest.mark.parametrize("rule", ["left", "midpoint"])


def gap_of(model, prompts):
    """[prompt] metric(clean) - metric(corrupt)"""
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    return baseline.clean - baseline.ablated


def cut_after(wiring: Wiring, n_writers: int) -> np.ndarray:
    """[edge] whether it leads from the first writers to the readers of later parts, or to the logits."""
    before = set(wiring.writers[:n_writers])
    return np.array(
        [edge.source in before and not before.intersection(wiring.writers_fed_by(edge.target)) for edge in wiring.edges]
    )


@pytest.mark.parametrize(("family", "shared_prefix"), [("gpt2", 0), ("neox", 3), ("llama", 3)])
def test_what_flows_into_a_component_flows_out_of_it(family, shared_prefix, family_model):
    """So every cut between input and logits adds up to the change of the metric: after the input, after each layer,
    between a layer's heads and its MLP, and before the logits. Heads on a shared key-value head are one component
    here, because their keys and values are one edge."""
    model, prompts = family_model(family), random_prompts(3, length=6, shared_prefix=shared_prefix)
    scores = Conductance(steps=60, rule="midpoint").score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    wiring, gap = model.wiring, gap_of(model, prompts)
    tolerance = 0.01 * np.abs(scores).sum(1).max()
    layers = [1 + layer * wiring.writers_per_layer for layer in range(wiring.n_layers + 1)]
    for n_writers in (*layers, *(first + wiring.n_heads for first in layers[:-1])):
        np.testing.assert_allclose(scores[:, cut_after(wiring, n_writers)].sum(1), gap, atol=tolerance)

    surplus: dict[str, Any] = dict.fromkeys(("input", "logits"), np.zeros(len(prompts)))
    for number, edge in enumerate(wiring.edges):
        for part, sign in ((edge.target, 1), (edge.source, -1)):
            name = str(wiring.group_of_head(part) if part.is_head else part)
            surplus[name] = surplus.get(name, 0) + sign * scores[:, number]
    expected = {"input": -gap, "logits": gap}
    for name, value in surplus.items():
        np.testing.assert_allclose(value, expected.get(name, 0 * gap), atol=tolerance, err_msg=name)


def test_integrated_gradients_keep_what_flows_in(family_model):
    """The law is one of conductance: the last cut of EAP-IG misses the change, however many steps there are."""
    model, prompts = family_model("gpt2"), random_prompts(3, length=6)
    gap = gap_of(model, prompts)
    scores = IntegratedEdgeAttribution(steps=100, rule="midpoint").score(model, prompts, metric=LOGIT_DIFFERENCE)
    last = scores.per_prompt[:, cut_after(model.wiring, len(model.wiring.writers))].sum(1)
    assert np.abs(last - gap).max() > 0.05 * np.abs(gap).max()


def test_sums_miss_the_change_by_less_the_more_steps_there_are(family_model):
    """The error of `left` falls as 1/steps, that of `midpoint` as 1/steps squared."""
    model, prompts = family_model("gpt2"), random_prompts(2, length=6)
    gap, last = gap_of(model, prompts), cut_after(model.wiring, len(model.wiring.writers))

    def error(steps, rule):
        scores = Conductance(steps=steps, rule=rule).score(model, prompts, metric=LOGIT_DIFFERENCE)
        return np.abs(scores.per_prompt[:, last].sum(1) - gap).max()

    assert error(30, "left") / error(60, "left") == pytest.approx(2, abs=0.3)
    assert error(15, "midpoint") / error(30, "midpoint") == pytest.approx(4, abs=1)


@both_rules
@pytest.mark.parametrize("ablation", ["corrupt", "zero", "position-mean", "noise"])
def test_out_of_the_input_and_with_one_step_it_is_integrated_gradients(rule, ablation, family_model):
    model, prompts = family_model("llama"), random_prompts(4)
    settings = {"metric": LOGIT_DIFFERENCE, "ablation": ABLATIONS[ablation]()}

    def both(steps):
        methods = (Conductance(steps, rule), IntegratedEdgeAttribution(steps, rule))
        return [method.score(model, prompts, **settings).per_prompt for method in methods]

    flow, mean = both(1)
    np.testing.assert_allclose(flow, mean, atol=1e-6 * np.abs(mean).max())
    flow, mean = both(4)
    from_input = np.array([str(edge.source) == "input" for edge in model.wiring.edges])
    np.testing.assert_allclose(flow[:, from_input], mean[:, from_input], atol=1e-5 * np.abs(mean).max())
    assert np.abs(flow - mean).max() > 0.05 * np.abs(mean).max()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@both_rules
def test_equals_hooks_on_the_models_own_modules(family, rule, family_model):
    """Each point is run by transformers itself; grouped keys and values, and answers before the end, are among them."""
    model, prompts, steps = family_model(family), random_prompts(3, length=4), 3
    scores = Conductance(steps, rule).score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    hooked = HookedModel(random_module(family), model.wiring)
    for prompt, ours in zip(prompts, scores, strict=True):
        clean, corrupt = (hooked.run(prompt, ids) for ids in (prompt.clean, prompt.corrupt))
        start, stop = (run.values["input"].detach() for run in (corrupt, clean))
        path = [start + at * (stop - start) for at in points(steps, rule)]
        runs = [hooked.run(prompt, prompt.clean, {"input": lambda _, entering=entering: entering}) for entering in path]
        outputs = [hooked.outputs(run) for run in runs]
        between = outputs[1:] if rule == "left" else [(one + other) / 2 for one, other in pairwise(outputs)]
        stops = pairwise([hooked.outputs(corrupt), *between, hooked.outputs(clean)])
        parts = [hooked.effects(run, after - before) for run, (before, after) in zip(runs, stops, strict=True)]
        expected = torch.stack(parts).sum(0)
        np.testing.assert_allclose(ours, expected.numpy(), atol=2e-5 * float(expected.abs().max()))


@both_rules
@pytest.mark.parametrize("name", ["detector", "two-step copy"])
def test_effects_are_exact_where_all_is_linear(name, rule, tmp_path):
    """Between two prompts of these programs no attention pattern changes, and no MLP takes part."""
    program = PROGRAMS[name]
    model, prompts = load_model(str(program.write(tmp_path / "model"))), program.prompts()
    exact = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    scores = Conductance(rule=rule).score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    np.testing.assert_allclose(scores, exact, atol=1e-5)
    assert np.abs(exact).max() >= 2


def test_a_metric_that_is_flat_at_the_clean_run_is_scored(family_model):
    model, prompts = family_model("llama"), random_prompts(4)
    scores = Conductance().score(model, prompts, metric=METRICS["kl-divergence"])
    assert np.abs(scores.per_prompt).max() > 0
    with pytest.raises(ValueError, match="Use eap-ig, eap-ig-activations, ceap or clean-corrupt"):
        EdgeAttribution().score(model, prompts, metric=METRICS["kl-divergence"])


def test_settings_that_cannot_be_used_are_named():
    with pytest.raises(ValueError, match=r"ceap: steps=0\. At least 1 point"):
        Conductance(steps=0)
    with pytest.raises(ValueError, match=r"ceap: rule='right'\. Known: left, midpoint"):
        Conductance(rule="right")  # pyright: ignore[reportArgumentType]
