"""Patching by hand gives what methods measure, and what hooks on the bridge give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from circuits import METRICS, TASKS, ReadablePrompts, activations, patch
from circuits.components import Component
from circuits.methods.activation_patching import ActivationPatching
from circuits.methods.exact_edges import ExactEdges
from tests.bundled import bundled

METRIC = METRICS["logit-difference"]


@pytest.fixture(scope="module")
def model():
    return bundled("reference")


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


def test_places_of_a_list_are_patched_together(model, prompts):
    one = patch(model, prompts, "a3.h3", at="END")
    for alone in (["END"], ("END",), ["END", "END"]):
        np.testing.assert_array_equal(patch(model, prompts, "a3.h3", at=alone).patched, one.patched)
    longest = max(map(len, prompts))
    everywhere = patch(model, prompts, "a1.h2", at=range(longest))
    np.testing.assert_array_equal(everywhere.patched, patch(model, prompts, "a1.h2").patched)

    first = prompts[:1]
    position = first.prompts[0].roles["S2"][0]
    mixed = patch(model, first, "a1.h2", at=["END", np.int64(position)])
    np.testing.assert_array_equal(mixed.patched, patch(model, first, "a1.h2", at=("S2", "END")).patched)
    assert mixed.at == f"END, {position}"
    assert mixed.mean != patch(model, first, "a1.h2", at="END").mean


def test_heads_read_by_nothing_later_have_effects_that_add_up_over_places(model, prompts):
    """What a head of the last layer gives at other positions than the answer's is read by no one."""
    both, at_end, at_start = (patch(model, prompts, "a3.h3", at=at) for at in (["S1", "END"], "END", "S1"))
    np.testing.assert_allclose(both.patched, at_end.patched, atol=1e-5)
    np.testing.assert_allclose(at_start.per_prompt, 0, atol=1e-5)


def test_one_prompt_has_no_interval(model, prompts):
    said = repr(patch(model, prompts[:1], "a3.h3"))
    assert " [-] of " in said
    assert said.endswith(", 1 prompt>")


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
        ("a9.h3", {}, "no head a9.h3"),
        ("logits", {}, "no edge starts from logits"),
        ("head 3", {}, r"Names look like .input., .a9.h6., .a9., .m9.[.]$"),
        ("a1.h9->logits", {}, "a1.h9"),
        (["a1.h2", "a3.h3->logits"], {}, "give either in one call"),
        ("a3.h3->logits", {"at": "END"}, "edges are patched at all positions"),
        ("a3.h3", {"at": "S9"}, "no prompt has the role 'S9'"),
        ("a3.h3", {"at": 99}, "the longest prompt has 18 tokens"),
        ("a3.h3", {"at": -1}, "the longest prompt has 18 tokens"),
        ("a3.h3", {"at": []}, r"at=\[\] names no place. Give `all`, a position, a role .S1, .*END"),
        ("a3.h3", {"at": ["END", "NOPE"]}, "no prompt has the role 'NOPE'. Give .*END"),
        ("a3.h3", {"at": [3, 99]}, "at=99, and the longest prompt"),
        ("a3.h3", {"at": 3.0}, r"at takes roles and positions; found 3.0 \(float\). Give .*END"),
        ("a3.h3", {"at": True}, r"found True \(bool\)"),
        ("a3.h3", {"at": [True]}, r"found True \(bool\)"),
        ("a3.h3", {"at": None}, r"found None[.]"),
        ("a3.h3", {"at": {"a3.h3": "END"}}, r"found {'a3.h3': 'END'} \(dict\)"),
        ("a3.h3", {"at": b"\x03"}, r"\(bytes\)"),
        ("a3.h3", {"at": [["END"]]}, r"found \['END'\] \(list\)"),
        ("a3.h3->logits", {"at": ["S2", "END"]}, "found at=S2, END"),
        (5, {}, r"a part is given by its name, such as 'a1.h0'; found 5 \(int\)"),
        (["a3.h3", None], {}, "found None"),
        ("a3.h3", {"metric": 5}, "no metric 5"),
        ("a3.h3", {"ablation": None}, "no ablation None"),
        ("a3.h3", {"metric": "logit-differences"}, "Did you mean 'logit-difference'"),
        ("a3.h3", {"ablation": "none"}, "no ablation 'none'"),
    ],
)
def test_what_cannot_be_patched_is_refused_before_the_model_runs(model, prompts, parts, more, message, monkeypatch):
    monkeypatch.setattr("circuits.effects.paired_runs.each_pair", lambda *_: pytest.fail("the model ran"))
    with pytest.raises(ValueError, match=message):
        patch(model, prompts, parts, **more)


@pytest.mark.parametrize("call", [patch, activations])
def test_what_is_no_model_and_no_prompts_is_refused(model, prompts, call):
    with pytest.raises(ValueError, match=r"'reference' \(str\), .* Load it first: load_model\('reference'\)"):
        call("reference", prompts, "a3.h3")
    with pytest.raises(ValueError, match=r"the model is a Linear in memory.* Give load_model\(model\)"):
        call(torch.nn.Linear(2, 2), prompts, "a3.h3")
    with pytest.raises(ValueError, match=r"the model is None, which is not loaded"):
        call(None, prompts, "a3.h3")
    with pytest.raises(ValueError, match=r"'ioi' \(str\). Build those of a task: TASKS\['ioi'\]\(\)"):
        call(model, "ioi", "a3.h3")
    with pytest.raises(ValueError, match=r"1 bad line; .*\n  line 1: the model's tokenizer does not know 'b'"):
        call(model, [("a", "b", "c")], "a3.h3")
