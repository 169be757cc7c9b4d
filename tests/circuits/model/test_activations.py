"""Activations are those that TransformerLens' cache has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from circuits import TASKS, ReadablePrompts, activations, load_model
from tests.bundled import bundled
from tests.conftest import random_module

POINTS = {
    "r0": "blocks.0.hook_resid_pre",
    "r2": "blocks.2.hook_resid_pre",
    "a1": "blocks.1.hook_attn_out",
    "m1": "blocks.1.hook_mlp_out",
    "a3.h2": "blocks.3.attn.hook_z",
    "a1.p2": "blocks.1.attn.hook_pattern",
    "a1.q2": "blocks.1.attn.hook_q",
    "a1.v2": "blocks.1.attn.hook_v",
}


@pytest.fixture(scope="module")
def model():
    return bundled("reference")


@pytest.fixture(scope="module")
def prompts(model):
    return TASKS["ioi"]().build(model.tokenizer, n=6)


@pytest.mark.parametrize("side", ["clean", "corrupt"])
def test_values_are_those_of_run_with_cache(model, prompts, side):
    found = activations(model, prompts, POINTS, side=side)
    for number, prompt in enumerate(prompts):
        ids = getattr(prompt, side)
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(torch.tensor([ids]))
        for name, hook in POINTS.items():
            expected = cache[hook][0]
            if ".p" in name:
                expected = expected[2]
            elif "." in name:
                expected = expected.reshape(len(ids), model.wiring.n_heads, -1)[:, 2]
            kept = found[name][number, : len(ids)]
            kept = kept[:, : len(ids)] if ".p" in name else kept
            np.testing.assert_allclose(kept, expected.numpy(), atol=2e-5)


def test_shorter_prompts_are_filled_up(model, prompts):
    found = activations(model, prompts, ["m0", "a1.p2"])
    assert found.lengths.tolist() == [len(prompt) for prompt in prompts]
    assert len(set(found.lengths.tolist())) > 1
    for number, length in enumerate(found.lengths):
        for array in found.values():
            assert np.isnan(array[number, length:]).all()
        assert np.isfinite(found["m0"][number, :length]).all()
        assert np.isnan(found["a1.p2"][number, :length, length:]).all()
        pattern = found["a1.p2"][number, :length, :length]
        np.testing.assert_allclose(pattern.sum(axis=1), 1, atol=1e-5)
        assert not np.triu(pattern, 1).any()


def test_a_prompt_gives_what_it_gives_alone(model, prompts):
    found = activations(model, prompts, ["r2", "a1.p2"])
    short = int(found.lengths.argmin())
    assert found.lengths[short] < found.lengths.max()
    alone = activations(model, replace(prompts, prompts=(prompts.prompts[short],)), ["r2", "a1.p2"])
    length = int(found.lengths[short])
    assert alone["r2"].shape[1] == length
    np.testing.assert_allclose(found["r2"][short, :length], alone["r2"][0], atol=1e-5)
    np.testing.assert_allclose(found["a1.p2"][short, :length, :length], alone["a1.p2"][0], atol=1e-5)


def test_roles_align_prompts(model, prompts):
    found = activations(model, ReadablePrompts(prompts, model.tokenizer), "r4")
    at_end = found.at("END")["r4"]
    for number, prompt in enumerate(prompts):
        np.testing.assert_array_equal(at_end[number], found["r4"][number, prompt.answer_position])
    logits = model.forward.logits(torch.tensor(at_end))
    assert logits.argmax(-1).tolist() == [prompt.answers[0] for prompt in prompts]
    with pytest.raises(ValueError, match="no prompt has the role 'VERB'"):
        found.at("VERB")


def test_keys_and_values_are_those_of_key_value_heads():
    model = load_model(random_module("llama"))
    assert model.wiring.n_kv_heads < model.wiring.n_heads
    from circuits import Prompt, PromptSet

    prompts = PromptSet("ids", (Prompt((1, 2, 3), (1, 2, 4), answers=(5,)),))
    found = activations(model, prompts, ["a1.v1", "a1.p3", "a1.h3"])
    attended = found["a1.p3"][0] @ found["a1.v1"][0]  # head 3 reads the second of two key-value heads
    np.testing.assert_allclose(attended, found["a1.h3"][0], atol=1e-5)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("logits", "logits has no activations of its own. Points are: "),
        ("a9.h0", "'reference' has no a9.h0: it has 4 layers of 4 heads"),
        ("a0.h7", "has no a0.h7"),
        ("r5", "has no r5"),
        ("heads", "no component can be called 'heads'"),
        (5, r"a point is given by its name, such as 'a1.h0'; found 5 \(int\)"),
        (["a0.h0", None], "found None"),
    ],
)
def test_points_that_are_not_there_are_refused(model, prompts, point, message):
    with pytest.raises(ValueError, match=message):
        activations(model, prompts, point)


def test_another_side_is_refused(model, prompts):
    with pytest.raises(ValueError, match="side is clean or corrupt; found 'corupt'"):
        activations(model, prompts, "m0", side="corupt")  # pyright: ignore[reportArgumentType]


def test_what_was_not_asked_for_is_named(model, prompts):
    found = activations(model, prompts, "m0")
    with pytest.raises(KeyError, match=r"no activations of 'm1'\. There are those of m0"):
        found["m1"]
    assert repr(found) == f"<Activations of 6 prompts: m0 {found['m0'].shape}>"
