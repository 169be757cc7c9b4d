"""Attention scores split over what was written on both sides: the parts add up, and cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.components import Component
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import load_model, model_from_module
from circuits.profiles.reads import Score, check_reads, score_parts
from tests.circuits.hand_models import induction_prompts, write_induction
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts

HEADS = [Component.parse(name) for name in ("a0.h1", "a1.h3", "a2.h2")]


def scores_of(model: Any, prompt: Prompt, head: Component) -> torch.Tensor:
    """[query, key] scores before the softmax, from the recorded queries and keys; NaN where a key cannot be seen."""
    forward, layer = model.forward, model.forward.layers[head.layer]
    run = forward.record(torch.tensor([prompt.clean]))
    key = run.key[head.layer][0, head.index // (layer.n_heads // layer.n_kv_heads)]
    scores = layer.scale * run.query[head.layer][0, head.index] @ key.T
    scores = scores if layer.softcap is None else torch.tanh(scores / layer.softcap) * layer.softcap
    bias = forward.context(len(prompt))[head.layer].bias[0, 0]
    return scores.masked_fill(bias < torch.finfo(bias.dtype).min / 2, float("nan"))


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_the_parts_add_up_to_the_score_on_every_family(family, family_model):
    model, prompts = family_model(family), random_prompts(4)
    asked = Score("last-two", "middle", "others")
    prompts = PromptSet(
        "random",
        tuple(
            Prompt(p.clean, p.corrupt, p.answers, p.wrong_answers, roles={**p.roles, "middle": (4, 6)}) for p in prompts
        ),
    )
    for head, parts in zip(HEADS, score_parts(model, prompts, HEADS, asked), strict=True):
        assert parts.writers[:-1] == model.wiring.writers[: 1 + head.layer * model.wiring.writers_per_layer]
        expected = []
        for prompt in prompts:
            scores = scores_of(model, prompt, head)[-2:].detach()
            is_key = torch.isin(torch.arange(len(prompt)), torch.tensor([4, 6])).expand_as(scores)
            expected.append(float(scores[is_key].nanmean() - scores[~is_key].nanmean()))
        np.testing.assert_allclose(parts.score, expected, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(parts.query.sum(1), expected, atol=2e-4, rtol=2e-4)
        np.testing.assert_allclose(parts.key.sum(1), expected, atol=2e-4, rtol=2e-4)
        np.testing.assert_allclose(parts.pairs.sum(1), parts.query.sum(0), atol=1e-4)
        np.testing.assert_allclose(parts.pairs.sum(0), parts.key.sum(0), atol=1e-4)
        assert np.abs(parts.query).max() > 0.01


def test_the_pairs_are_those_of_transformer_lens_own_decomposition():
    module = random_module("gpt2")
    for block in module.transformer.h:  # TransformerLens takes value biases out of the heads
        block.attn.c_attn.bias.data[64:] = 0
        block.ln_1.bias.data[:] = 0
    model, prompts = model_from_module(module, name="gpt2"), random_prompts(3)
    (parts,) = score_parts(model, prompts, [Component.parse("a2.h1")], Score("END", "first"))
    bridge, total = model.bridge, np.zeros_like(parts.pairs)
    bridge.enable_compatibility_mode()
    attention = bridge.blocks[2].attn
    for number, prompt in enumerate(prompts):
        with torch.no_grad():
            _, cache = bridge.run_with_cache(torch.tensor([prompt.clean]))
            stack, labels = cache.get_full_resid_decomposition(
                layer=2, expand_neurons=False, return_labels=True, apply_ln=True
            )
            at = dict(zip(labels, stack[:, 0, [prompt.answer_position, 0]], strict=True))
            written = [at["embed"] + at["pos_embed"]]
            for layer in range(2):
                written += [*(at[f"L{layer}H{head}"] for head in range(4)), at[f"{layer}_mlp_out"]]
            written = torch.stack([*written, at["bias"]])
            query, key = written[:, 0] @ attention.W_Q[1], written[:, 1] @ attention.W_K[1]
            query[-1] += attention.b_Q[1]
            key[-1] += attention.b_K[1]
            pairs = (query @ key.T / 8**0.5).numpy()
        np.testing.assert_allclose(parts.query[number], pairs.sum(1), atol=1e-4)
        np.testing.assert_allclose(parts.key[number], pairs.sum(0), atol=1e-4)
        total += pairs
    np.testing.assert_allclose(parts.pairs, total, atol=3e-4)


def test_an_induction_head_reads_the_token_here_and_what_the_previous_token_head_wrote_there(tmp_path):
    model = load_model(str(write_induction(tmp_path)))
    prompts = []
    for prompt in induction_prompts(6):
        after = prompt.clean.index(prompt.clean[-1]) + 1
        prompts.append(Prompt(prompt.clean, prompt.corrupt, prompt.answers, roles={"after": (after,), "start": (0,)}))
    for minus in (None, "start", "others"):
        asked = Score("END", "after", minus)
        (parts,) = score_parts(model, PromptSet("by hand", tuple(prompts)), [Component.parse("a1.h1")], asked)
        assert parts.score.tolist() == [200] * 6
        names = [str(part) for part in parts.writers]
        assert names == ["input", "a0.h0", "a0.h1", "m0", "biases"]
        expected = np.zeros((5, 5))
        expected[names.index("input"), names.index("a0.h0")] = 6 * 200
        assert parts.pairs.tolist() == expected.tolist()
        assert parts.squares.sum() == 6 * 200**2


def test_a_score_minus_itself_is_nothing_and_what_cannot_be_seen_is_not_measured(family_model):
    model = family_model("mistral")  # its window is four tokens
    prompts = random_prompts(4, length=9)
    head = [Component.parse("a2.h2")]
    (nothing,) = score_parts(model, prompts, head, Score("END", "last-two", "last-two"))
    np.testing.assert_allclose(nothing.query.sum(1), 0, atol=1e-5)
    (hidden,) = score_parts(model, prompts, head, Score("END", "first"))
    assert not hidden.measured.any()
    assert not hidden.pairs.any()
    some = [Prompt(p.clean, p.corrupt, p.answers, roles={"A": (7,)} if n else {}) for n, p in enumerate(prompts)]
    (parts,) = score_parts(model, PromptSet("some", tuple(some)), head, Score("END", "END", "A"))
    assert parts.measured.tolist() == [False, True, True, True]
    assert not parts.query[0].any()


def test_prompts_are_split_alone_as_together(family_model):
    model, prompts, asked = family_model("qwen3"), random_prompts(5), Score("last-two", "first", "others")
    (together,) = score_parts(model, prompts, HEADS[2:], asked)
    alone = [score_parts(model, prompts[n : n + 1], HEADS[2:], asked)[0] for n in range(5)]
    np.testing.assert_allclose(together.key, np.concatenate([own.key for own in alone]), atol=1e-4)
    np.testing.assert_allclose(together.pairs, sum(own.pairs for own in alone), atol=1e-3)
    np.testing.assert_allclose(together.squares, sum(own.squares for own in alone), atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize(
    ("head", "asked", "message"),
    [
        ("a3.h0", Score("END", "first"), r"'tiny-gpt2' has no head 'a3.h0': its heads are a0.h0 to a2.h3"),
        ("a0.h4", Score("END", "first"), "no head 'a0.h4'"),
        ("m0", Score("END", "first"), "no head 'm0'"),
        ("a0.h0", Score("S", "first"), "score S->first: no prompt of 'random' has the role 'S'"),
        ("a0.h0", Score("END", "first", "S"), "score END->first minus S: no prompt"),
    ],
)
def test_what_is_not_there_is_refused(head, asked, message, family_model):
    with pytest.raises(ValueError, match=message):
        score_parts(family_model("gpt2"), random_prompts(2), [Component.parse(head)], asked)


def test_norms_that_join_heads_are_refused_before_the_prompts_run(family_model, monkeypatch):
    model = family_model("gpt2")
    monkeypatch.setattr(model.forward, "layers", [replace(layer, norm_q=lambda q: q) for layer in model.forward.layers])
    with pytest.raises(ValueError, match="the query norm of layer 0 of 'tiny-gpt2' does not norm its heads one by one"):
        check_reads(model, random_prompts(2), HEADS[:1], Score("END", "first"))
