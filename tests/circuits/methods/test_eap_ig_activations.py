"""Integrating along each writer's own path: completeness, and what moves together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.ablations import ABLATIONS
from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import ActivationIntegratedAttribution, ActivationPatching, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.hooked_models import HookedModel
from tests.conftest import random_module, random_prompts

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


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("together", ["layer", "component"])
def test_both_forms_equal_hooks_on_the_models_own_modules(family, together, family_model):
    """Each writer is moved by a hook while transformers runs the clean prompt. `own` reads the edges that leave it;
    `all` reads every edge, with what moves as a constant, and takes the mean over all writers."""
    model, prompts, steps = family_model(family), random_prompts(2, length=4, shared_prefix=1), 2
    own, every = (
        ActivationIntegratedAttribution(steps, together=together, paths=paths)
        .score(model, prompts, metric=LOGIT_DIFFERENCE)
        .per_prompt
        for paths in ("own", "all")
    )
    wiring, hooked = model.wiring, HookedModel(random_module(family), model.wiring)
    d_head = 8
    moved = [("input", slice(None), range(1))]
    for layer in range(wiring.n_layers):
        first = 1 + layer * wiring.writers_per_layer
        if together == "layer":
            moved.append((f"z{layer}", slice(None), range(first, first + wiring.n_heads)))
        else:
            moved += [
                (f"z{layer}", slice(head * d_head, (head + 1) * d_head), range(first + head, first + head + 1))
                for head in range(wiring.n_heads)
            ]
        moved.append((f"m{layer}", slice(None), range(first + wiring.n_heads, first + wiring.writers_per_layer)))
    for number, prompt in enumerate(prompts):
        clean, corrupt = (hooked.run(prompt, ids) for ids in (prompt.clean, prompt.corrupt))
        gaps = hooked.outputs(clean) - hooked.outputs(corrupt)
        expected_own, expected_all = torch.zeros(2, wiring.n_edges)
        for name, where, writers in moved:
            ends = [run.values[name].detach()[..., where] for run in (corrupt, clean)]
            leaves = torch.tensor([wiring.writer_index(edge.source) in writers for edge in wiring.edges])
            for step in range(1, steps + 1):
                value = ends[0] + step / steps * (ends[1] - ends[0])

                def moves(current, where=where, value=value):
                    current = current.clone()
                    current[..., where] = value
                    return current

                run = hooked.run(prompt, prompt.clean, {name: moves})
                effects = hooked.effects(run, gaps)
                expected_own += effects * leaves / steps
                expected_all += effects / (steps * len(moved))
        for ours, expected in ((own[number], expected_own), (every[number], expected_all)):
            np.testing.assert_allclose(ours, expected.numpy(), atol=2e-5 * float(expected.abs().max()))


def test_the_public_form_loses_what_passes_through_a_moving_source(tmp_path):
    """The detector has five sources that move: the input, and in each layer the heads and the MLP. Its one path leads
    through both layers' heads, so its edges, each worth 4, keep 3/5, 4/5 and 5/5 of that."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    path = ("input->a0.h0<v>", "a0.h0->a1.h1<v>", "a1.h1->logits")
    for paths, expected in (("own", (4, 4, 4)), ("all", (12 / 5, 16 / 5, 4))):
        scores = ActivationIntegratedAttribution(paths=paths).score(model, prompts, metric=LOGIT_DIFFERENCE)
        by_edge = {str(edge): score for edge, score in zip(model.wiring.edges, scores.means, strict=True)}
        assert {name: score for name, score in by_edge.items() if abs(score) > 1e-5} == pytest.approx(
            dict(zip(path, expected, strict=True)), abs=1e-4
        )


@pytest.mark.parametrize("ablation", ["zero", "position-mean", "noise"])
def test_all_paths_are_scored_under_every_ablation(ablation, family_model):
    """With one step the only point is the clean run, where the gradient into the logits is the same on every path."""
    model, prompts = family_model("llama"), random_prompts(2, length=5)
    settings = {"metric": LOGIT_DIFFERENCE, "ablation": ABLATIONS[ablation]()}
    own, every = (
        ActivationIntegratedAttribution(1, paths=paths).score(model, prompts, **settings).per_prompt
        for paths in ("own", "all")
    )
    into_logits = np.array([str(edge.target) == "logits" for edge in model.wiring.edges])
    scale = np.abs(own).max()
    np.testing.assert_allclose(every[:, into_logits], own[:, into_logits], atol=1e-5 * scale)
    assert np.abs(every - own)[:, ~into_logits].max() > 0.01 * scale


def test_unknown_settings_name_the_known_ones():
    with pytest.raises(ValueError, match="Known: layer, component"):
        ActivationIntegratedAttribution(together="head")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"paths='public'\. Known: own, all"):
        ActivationIntegratedAttribution(paths="public")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="At least 1 point"):
        ActivationIntegratedAttribution(steps=0)
