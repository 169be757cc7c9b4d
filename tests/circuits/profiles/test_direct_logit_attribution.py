"""Direct logit attribution: the parts add up on every family, are those of TransformerLens, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.components import Component
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import load_model, model_from_module
from circuits.profiles import DirectLogitAttribution, Entropy, measure_profiles
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.plain_runs import long_prompts
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts


@pytest.mark.parametrize("family", [f for f in (*FAMILIES, *MORE_FAMILIES) if f != "gemma2"])
def test_the_parts_of_every_prompt_add_up_to_its_logit_difference(family, family_model):
    model, prompts = family_model(family), random_prompts(4)
    (scores,) = measure_profiles(model, prompts, [DirectLogitAttribution()])
    assert scores.components == (*model.wiring.writers, Component.parse("biases"))
    for number, prompt in enumerate(prompts):
        with torch.no_grad():
            logits = model.bridge(torch.tensor([prompt.clean]))[0, prompt.answer_position]
        difference = float(logits[prompt.answers[0]] - logits[prompt.wrong_answers[0]])
        assert scores.per_prompt[number].sum() == pytest.approx(difference, abs=2e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_parts_are_those_of_transformer_lens(family):
    module = random_module(family)
    if family == "gpt2":  # TransformerLens takes value biases out of the heads
        for block in module.transformer.h:
            block.attn.c_attn.bias.data[64:] = 0
            block.ln_1.bias.data[:] = 0
    model, prompts = model_from_module(module, name=family), random_prompts(3)
    (scores,) = measure_profiles(model, prompts, [DirectLogitAttribution()])
    model.bridge.enable_compatibility_mode()
    for number, prompt in enumerate(prompts):
        n = prompt.answer_position
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(torch.tensor([prompt.clean]))
            stack, labels = cache.get_full_resid_decomposition(
                expand_neurons=False, return_labels=True, pos_slice=n, apply_ln=True
            )
            of_token = model.bridge.W_U.T[[prompt.answers[0], prompt.wrong_answers[0]]]
            parts = dict(zip(labels, (stack[:, 0] @ (of_token[0] - of_token[1])).tolist(), strict=True))
        expected = [parts["embed"] + parts.get("pos_embed", 0)]
        for layer in range(3):
            expected += [*(parts[f"L{layer}H{head}"] for head in range(4)), parts[f"{layer}_mlp_out"]]
        np.testing.assert_allclose(scores.per_prompt[number, 0, :-1], expected, atol=2e-5)


def test_what_is_written_in_a_model_worked_out_by_hand(tmp_path):
    model, ids = load_model(str(write_detector(tmp_path / "detector"))), (3, 1, 1, 2, QUESTION)
    prompts = PromptSet("asked", (Prompt(ids, ids, (2,), (1,)), Prompt(ids, ids, (1,), (2,))))
    (scores,) = measure_profiles(model, prompts, [DirectLogitAttribution()])
    at = scores.components.index(Component.parse("a1.h1"))
    assert scores.per_prompt[:, 0, at].tolist() == [2, -2]  # it alone writes the output
    assert np.count_nonzero(scores.per_prompt) == 2


def test_it_is_read_from_the_run_that_other_profiles_read(family_model):
    model, prompts = family_model("llama"), random_prompts(5)
    both = measure_profiles(model, prompts, [Entropy(), DirectLogitAttribution()])
    for own, alone in zip(both, (Entropy(), DirectLogitAttribution()), strict=True):
        np.testing.assert_array_equal(own.per_prompt, measure_profiles(model, prompts, [alone])[0].per_prompt)


@pytest.mark.parametrize(
    ("family", "prompts", "message"),
    [
        ("gemma2", random_prompts(2), "'tiny-gemma2' caps its logits"),
        ("gpt2", long_prompts(), "prompt 0 has answers of several tokens"),
        ("gpt2", PromptSet("alone", (Prompt((1, 2), (3, 2), (4,)),)), "prompt 0 has no wrong answer"),
    ],
)
def test_what_does_not_add_up_is_refused_before_the_model_runs(family, prompts, message, family_model, monkeypatch):
    model = family_model(family)
    monkeypatch.setattr(model.forward, "run", lambda *_, **__: pytest.fail("the model ran"))
    with pytest.raises(ValueError, match=message):
        measure_profiles(model, prompts, [DirectLogitAttribution()])
