"""Patching by hand gives what methods measure, and what hooks on the bridge give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from circuits import METRICS, TASKS, ReadablePrompts, load_model, patch
from circuits.components import Component
from circuits.methods.activation_patching import ActivationPatching
from circuits.methods.exact_edges import ExactEdges

METRIC = METRICS["logit-difference"]


@pytest.fixture(scope="module")
def model():
    return load_model("reference")


@pytest.fixture(scope="module")
def prompts(model):
    return TASKS["ioi"]().build(model.tokenizer, n=6)


def test_one_part_has_the_effect_that_activation_patching_measures(model, prompts):
    scores = ActivationPatching(kinds=("head", "attention", "mlp")).score(model, prompts, metric=METRIC)
    for number, part in enumerate(scores.components):
        found = patch(model, prompts, part)
        np.testing.assert_allclose(found.per_prompt, scores.per_prompt[:, 0, number], atol=2e-5)


def test_so_it_is_at_a_role(model, prompts):
    scores = ActivationPatching(at="roles", kinds=("head", "mlp")).score(model, prompts, metric=METRIC)
    for role in ("S2", "END"):
        at_role = scores.at(role)
        for name in ("a1.h2", "a3.h3", "m0"):
            found = patch(model, prompts, name, at=role)
            expected = at_role.per_prompt[:, 0, scores.components.index(Component.parse(name))]
            np.testing.assert_allclose(found.per_prompt, expected, atol=2e-5)


def test_an_edge_has_the_effect_that_exact_edges_measures(model, prompts):
    names = ("a3.h3->logits", "input->a1.h2<v>", "a1.h1->m2", "m0->a3.h2<q>")
    scores = ExactEdges().score(model, prompts, metric=METRIC)
    by_name = dict(zip(map(str, model.wiring.edges), scores.per_prompt.T, strict=True))
    for name in names:
        np.testing.assert_allclose(patch(model, prompts, name).per_prompt, by_name[name], atol=5e-5)


def test_several_heads_together_are_what_hooks_on_the_bridge_give(model, prompts):
    """Heads of two layers at one position, with TransformerLens' own hooks, prompt by prompt."""
    found = patch(model, prompts, ["a1.h2", "a3.h3", "a3.h1"], at="S2")
    heads = {1: [2], 3: [3, 1]}
    for number, prompt in enumerate(prompts):
        (position,) = prompt.roles["S2"]
        clean, corrupt = (torch.tensor([ids]) for ids in (prompt.clean, prompt.corrupt))
        cache: dict[str, torch.Tensor] = {}

        def keep(value: Any, hook: Any, cache: dict[str, torch.Tensor] = cache) -> None:
            cache[hook.name] = value.clone()

        def put_in(value: Any, hook: Any, cache: dict[str, torch.Tensor] = cache, at: int = position) -> Any:
            value = value.clone()
            chosen = heads[int(hook.name.split(".")[1])]
            of_heads = value.view(*value.shape[:2], model.wiring.n_heads, -1)
            donor = cache[hook.name].view_as(of_heads)
            of_heads[0, at, chosen] = donor[0, at, chosen]
            return value

        hooked = [f"blocks.{layer}.attn.hook_z" for layer in heads]
        with torch.no_grad():
            model.bridge.run_with_hooks(corrupt, fwd_hooks=[(name, keep) for name in hooked])
            logits = model.bridge.run_with_hooks(clean, fwd_hooks=[(name, put_in) for name in hooked])
        at_answer = logits[0, prompt.answer_position]
        (answer,), (wrong,) = prompt.answers, prompt.wrong_answers
        assert float(at_answer[answer] - at_answer[wrong]) == pytest.approx(float(found.patched[number]), abs=2e-4)


def test_everything_is_the_gap_and_a_whole_attention_is_its_heads(model, prompts):
    everything = patch(model, prompts, "input")
    np.testing.assert_allclose(everything.patched, everything.ablated, atol=2e-5)
    assert everything.mean == pytest.approx(everything.gap, abs=1e-5)
    whole, heads = patch(model, prompts, "a3"), patch(model, prompts, [f"a3.h{number}" for number in range(4)])
    assert whole.parts == heads.parts
    np.testing.assert_array_equal(whole.patched, heads.patched)


def test_a_position_is_that_of_the_role_where_all_prompts_have_it_there(model, prompts):
    one = prompts[:1]
    at = one.prompts[0].roles["S2"][0]
    by_role, by_number = (patch(model, one, "a1.h2", at=where) for where in ("S2", at))
    np.testing.assert_array_equal(by_role.patched, by_number.patched)


def test_other_metrics_and_ablations_are_those_of_methods(model, prompts):
    from circuits.ablations import ABLATIONS

    scores = ActivationPatching(kinds=("head",)).score(
        model, prompts, metric=METRICS["answer-probability"], ablation=ABLATIONS["zero"]()
    )
    found = patch(model, prompts, "a3.h3", metric="answer-probability", ablation="zero")
    expected = scores.per_prompt[:, 0, scores.components.index(Component.parse("a3.h3"))]
    np.testing.assert_allclose(found.per_prompt, expected, atol=1e-6)


def test_frames_and_reprs(model, prompts):
    found = patch(model, ReadablePrompts(prompts, model.tokenizer), ["a3.h3", "a3.h2"])
    frame = found.to_frame()
    np.testing.assert_allclose(frame["clean"] - frame["patched"], frame["effect"], atol=1e-6)
    assert float(np.mean(frame["effect"])) == pytest.approx(found.mean)
    low, high = found.interval()
    assert low < found.mean < high
    assert repr(found).startswith("<PatchEffect of a3.h3, a3.h2: ")
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("parts", "more", "message"),
    [
        ([], {}, "no part is given"),
        ("a9.h3", {}, "no writer a9.h3"),
        ("logits", {}, "logits"),
        ("a1.h9->logits", {}, "a1.h9"),
        (["a1.h2", "a3.h3->logits"], {}, "give either in one call"),
        ("a3.h3->logits", {"at": "END"}, "edges are patched at all positions"),
        ("a3.h3", {"at": "S9"}, "no prompt has the role 'S9'"),
        ("a3.h3", {"at": 99}, "the longest prompt has 18 tokens"),
        ("a3.h3", {"metric": "logit-differences"}, "Did you mean 'logit-difference'"),
        ("a3.h3", {"ablation": "none"}, "no ablation 'none'"),
    ],
)
def test_what_cannot_be_patched_is_refused(model, prompts, parts, more, message):
    with pytest.raises(ValueError, match=message):
        patch(model, prompts, parts, **more)
