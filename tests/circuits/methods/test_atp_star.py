"""AtP*: equal to node attribution without its corrections, exact through the softmax, and GradDrop by hooks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.ablations import Zero
from circuits.methods import ActivationPatching, AtPStar, EdgeAttribution
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from circuits.model.steps import watched_by
from tests.circuits.hand_models import induction_prompts, write_induction
from tests.conftest import random_module, random_prompts
from tests.notes import Notes

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama"])
@pytest.mark.parametrize("shared_prefix", [0, 5])
def test_without_its_corrections_it_is_the_node_attribution_of_the_edges(family, shared_prefix, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=shared_prefix)
    scores = AtPStar(kinds=("head", "mlp"), grad_drop=False).score(model, prompts, metric=LOGIT_DIFFERENCE)
    expected = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE).node_scores()
    assert scores.components == expected.components[1:]
    scale = np.abs(expected.per_prompt).max()
    np.testing.assert_allclose(scores.per_prompt, expected.per_prompt[:, :, 1:], atol=1e-5 * scale)


def test_positions_add_up_to_all_positions_where_the_estimate_is_linear(family_model):
    model, prompts = family_model("llama"), random_prompts(shared_prefix=2)
    kinds = ("head", "mlp", "value")
    everywhere = AtPStar(kinds=kinds, grad_drop=False).score(model, prompts, metric=LOGIT_DIFFERENCE)
    by_position = AtPStar(kinds=kinds, grad_drop=False, at="positions").score(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(
        by_position.per_prompt.sum(1), everywhere.per_prompt[:, 0], atol=1e-5 * np.abs(everywhere.per_prompt).max()
    )


@pytest.mark.parametrize("at", ["all", "positions"])
def test_a_saturated_pattern_is_seen(at, tmp_path):
    """Behind the heads of the induction program's second layer everything is linear: there the estimate is the exact
    effect, also of queries and keys, whose pattern is saturated and has no gradient at all."""
    model, prompts = load_model(str(write_induction(tmp_path / "induction"))), induction_prompts(12)
    kinds = ("query", "key", "value")
    estimate = AtPStar(kinds=kinds, at=at, grad_drop=False).score(model, prompts, metric=LOGIT_DIFFERENCE)
    exact = ActivationPatching(kinds=kinds, at=at).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert estimate.components == exact.components
    last = [n for n, component in enumerate(estimate.components) if component.layer == 1]
    np.testing.assert_allclose(estimate.per_prompt[..., last], exact.per_prompt[..., last], atol=1e-4)
    assert {str(estimate.components[n]) for n in last if np.abs(exact.per_prompt[..., n]).max() > 1} >= {
        "a1.q1",
        "a1.v1",
    }


def test_gradients_with_a_layer_cut_out_are_those_of_detaching_hooks():
    """The same by TransformerLens hooks: for each l, what layer l writes is detached; effects are taken at all z."""
    model, prompts = model_from_module(random_module("gpt2")), random_prompts(3, length=7)
    scores = AtPStar(kinds=("head",)).score(model, prompts, metric=LOGIT_DIFFERENCE)
    model.bridge.original_model.requires_grad_(True)  # TransformerLens differentiates through the parameters
    n_layers = model.wiring.n_layers
    for number, prompt in enumerate(prompts):
        effects = np.array([_effects_with_layer_cut(model, prompt, layer) for layer in range(n_layers)])
        expected = np.sign(effects.sum(0)) * np.abs(effects).sum(0) / (n_layers - 1)
        np.testing.assert_allclose(scores.per_prompt[number, 0], expected, atol=1e-4 * np.abs(expected).max())


def _effects_with_layer_cut(model, prompt, cut):
    """[head] first-order effects of all heads, by layer, gradients not passing through what layer `cut` writes."""
    kept = {}

    def keeping(name):
        def keep(value, hook):
            kept[name] = value
            value.retain_grad()
            return value

        return name, keep

    names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.wiring.n_layers)]
    cuts = [(f"blocks.{cut}.{name}", lambda value, hook: value.detach()) for name in ("hook_attn_out", "hook_mlp_out")]
    with torch.enable_grad():
        logits = model.bridge.run_with_hooks(
            torch.tensor([prompt.clean]), fwd_hooks=[keeping(name) for name in names] + cuts
        )
        read = logits[0, prompt.answer_position]
        (read[prompt.answers[0]] - read[prompt.wrong_answers[0]]).backward()
    _, corrupt = model.bridge.run_with_cache(torch.tensor([prompt.corrupt]), names_filter=lambda name: name in names)
    effects = []
    for name in names:
        gradient = torch.zeros_like(kept[name]) if kept[name].grad is None else kept[name].grad
        effects.append(((kept[name] - corrupt[name]) * gradient)[0].sum((0, 2)).detach().numpy())
    return np.concatenate(effects)


def test_parts_inside_the_attention_need_a_run_to_take_values_from(family_model):
    with pytest.raises(ValueError, match=r"atp-star of query, key, value needs a whole run .* 'zero' only says"):
        AtPStar().score(family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE, ablation=Zero())
    outputs = AtPStar(kinds=("head", "mlp"))
    outputs.score(family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE, ablation=Zero())


def test_unknown_parts_name_the_known_ones():
    with pytest.raises(ValueError, match="Known: head, mlp, query, key, value"):
        AtPStar(kinds=("residual",))  # pyright: ignore[reportArgumentType]


def test_how_far_it_is_is_told_gradient_by_gradient_and_then_by_positions(family_model, monkeypatch):
    notes, model, prompts = Notes(), family_model("llama"), random_prompts(4)
    monkeypatch.setattr(type(model.forward), "tokens_with_gradients", 4 * prompts.n_positions)
    with watched_by(notes):
        AtPStar(at="positions").score(model, prompts, metric=LOGIT_DIFFERENCE)
    n_positions, of_gradients = prompts.n_positions, 3 * model.wiring.n_layers
    whole = of_gradients + 4 * n_positions
    after_each = [*range(3, of_gradients + 1, 3), *range(of_gradients, int(whole) + 1, 4)]
    assert sorted(set(notes.shares)) == pytest.approx(sorted({0.0, *(done / whole for done in after_each)}))
