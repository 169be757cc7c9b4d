"""Staged path patching: against plain hooks, stage by stage; which way the search goes; its stages as data."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch

from circuits.components import Wiring
from circuits.data.prompts import Prompt, PromptSet
from circuits.effects.receivers import Receiver, heads_of, receivers_from, senders_before
from circuits.methods import PathPatching, StagedPathPatching
from circuits.methods.base import CORRUPT
from circuits.methods.path_search import Found, Keep, as_result, follow, noise_of
from circuits.methods.path_search import Measured as Entry
from circuits.methods.path_stages import STAGE_LISTS, PathStage, stages_from
from circuits.methods.stage_findings import findings_of, rows_of
from circuits.methods.stages import compute_stages
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.scores import ComponentScores
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.methods.test_path_patching import runs_of, two_passes
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def searched(method, model, prompts):
    """Scores, and what is said beside them."""
    results = compute_stages(method.score_stages(), model, prompts, metric=LOGIT_DIFFERENCE, ablation=CORRUPT)
    scores = method.scores_from(results, model, prompts, metric=LOGIT_DIFFERENCE, ablation=CORRUPT)
    return scores, method.findings(results.__getitem__), method.head_groups(results, model.wiring)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_stages_equal_plain_hooks_into_the_heads_found_before(family, family_model):
    """Two hooked runs per prompt, sender and stage: each stage's receivers are the best two heads by those numbers."""
    model, prompts = family_model(family), random_prompts(2, shared_prefix=2)
    method = StagedPathPatching(
        stages=("a: logits @END", "b: a.q @END", "c: a.v @all", "d: b.k, c.k @all"), top=2, noise=0, least=0
    )
    scores, *_ = searched(method, model, prompts)
    runs, kept, senders = runs_of(model, prompts), {}, heads_of(model.wiring)
    for number, stage in enumerate(method.path_stages):
        names = {"logits": None} if not number else {}
        for of, port in stage.read_from:
            owners = [head if port == "q" else model.wiring.group_of_head(head) for head in kept[of]]
            names |= {f"{owner}<{port}>": None for owner in owners}
        layers = senders_before([Receiver.parse(name) for name in names], model.wiring)
        reached = [column for column, sender in enumerate(senders) if sender.layer in layers]
        assert scores.measured[0, number].nonzero()[0].tolist() == reached
        for column in reached[number % 3 :: 3]:
            expected = [two_passes(model, one, senders[column], tuple(names), stage.at, False) for one in runs]
            measured = scores.per_prompt[:, number, column]
            np.testing.assert_allclose(measured, expected, rtol=2e-4, atol=5e-5, err_msg=f"{stage} {senders[column]}")
        strength = np.abs(scores.per_prompt[:, number].mean(0))
        kept[stage.finds] = [senders[n] for n in np.argsort(-strength, kind="stable")[:2] if strength[n] > 0]


def test_between_leaves_out_senders_that_run_after_a_receiver(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    receivers = ("a1.h2<q>", "a2.h0<q>")
    every = PathPatching(receivers=receivers).score(model, prompts, metric=LOGIT_DIFFERENCE)
    published = PathPatching(receivers=receivers, between=False).score(model, prompts, metric=LOGIT_DIFFERENCE)
    of_first = [head.layer == 0 for head in every.components]
    assert (published.measured[0, 0] == of_first).all()
    assert every.measured[0, 0].sum() > sum(of_first)
    np.testing.assert_array_equal(published.per_prompt[:, 0, of_first], every.per_prompt[:, 0, of_first])
    assert np.abs(every.per_prompt[:, 0, ~np.array(of_first)]).max() > 0


def test_a_head_s_z_is_its_query_key_and_value_together_and_a_point_of_the_stream_is_all_that_follows(family_model):
    model, prompts = family_model("llama"), random_prompts(3)

    def scores(*receivers, at="END"):
        return PathPatching(receivers=receivers, at=at).score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt

    # At END nothing but the head itself reads the key and value that changed there.
    group = model.wiring.group_of_head(Receiver.parse("a2.h1<z>").component)
    alone = [
        f"a2.h{index}<z>"
        for index in range(4)
        if model.wiring.group_of_head(heads_of(model.wiring)[index]).index
        == model.wiring.group_of_head(heads_of(model.wiring)[1]).index
    ]
    queries = [name.replace("z", "q") for name in alone]
    np.testing.assert_allclose(scores(*alone), scores(*queries, f"{group}<k>", f"{group}<v>"), atol=2e-5)
    assert np.abs(scores("a2.h1<z>")).max() > 1e-4
    np.testing.assert_array_equal(scores(f"r{model.wiring.n_layers}"), scores("logits"))
    # All heads and the MLP of a layer read the stream that enters it, which also goes on by itself.
    into_stream = scores("r1", at="all")
    assert np.abs(into_stream).max() > 1e-4
    assert not into_stream[:, 0, 4:].any()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_head_s_z_at_all_positions_is_that_of_three_hooked_runs(family, family_model):
    """Record the head's query, key and value; its z on these; the metric with nothing but that z put in."""
    model, prompts, receiver = family_model(family), random_prompts(1), Receiver.parse("a2.h1<z>")
    bridge, (one,) = model.bridge, runs_of(model, prompts)
    scores = PathPatching(receivers=(str(receiver),), at="all").score(model, prompts, metric=LOGIT_DIFFERENCE)
    group = model.wiring.group_of_head(receiver.component).index
    columns = {"q": receiver.component.index, "k": group, "v": group}
    tokens, kept = torch.tensor([one.prompt.clean]), {}

    def keep(value, hook, name):
        kept[name] = value.clone()
        return value

    def put(value, hook, name):
        value = value.clone()
        value[:, :, columns.get(name, receiver.component.index)] = kept[name][
            :, :, columns.get(name, receiver.component.index)
        ]
        return value

    def freeze(value, hook, site, sender):
        value = one.clean[site].clone()
        if site == f"blocks.{sender.layer}.attn.hook_z":
            value[:, :, sender.index] = one.corrupt[site][:, :, sender.index]
        return value

    for column in range(0, 8, 3):
        sender = scores.components[column]
        frozen = [f"blocks.{layer}.attn.hook_z" for layer in range(model.wiring.n_layers)]
        first = [(site, partial(freeze, site=site, sender=sender)) for site in frozen]
        first += [(f"blocks.2.attn.hook_{name}", partial(keep, name=name)) for name in "qkv"]
        second = [(f"blocks.2.attn.hook_{name}", partial(put, name=name)) for name in "qkv"]
        with torch.no_grad():
            bridge.run_with_hooks(tokens, fwd_hooks=first)
            bridge.run_with_hooks(tokens, fwd_hooks=[*second, ("blocks.2.attn.hook_z", partial(keep, name="z"))])
            patched = bridge.run_with_hooks(tokens, fwd_hooks=[("blocks.2.attn.hook_z", partial(put, name="z"))])
        good, bad = one.prompt.answers[0], one.prompt.wrong_answers[0]
        clean, changed = (logits[0, one.prompt.answer_position] for logits in (one.clean_logits, patched))
        expected = float((clean[good] - clean[bad]) - (changed[good] - changed[bad]))
        assert scores.per_prompt[0, 0, column] == pytest.approx(expected, rel=2e-4, abs=5e-5)


def test_one_stage_is_path_patching(family_model):
    model, prompts = family_model("gpt2"), random_prompts(3)
    staged = StagedPathPatching(stages=("first: a1.h2<q>, a2.h0<q> @END",)).score(
        model, prompts, metric=LOGIT_DIFFERENCE
    )
    assert isinstance(staged, ComponentScores)
    plain = PathPatching(receivers=("a1.h2<q>", "a2.h0<q>")).score(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_array_equal(staged.at("first").per_prompt, plain.per_prompt)
    np.testing.assert_array_equal(staged.at("first").measured, plain.measured)


def test_the_search_goes_by_the_values_where_the_queries_carry_nothing(tmp_path):
    """Of the hand model's heads only a1.h1 writes to the logits; it reads no query, and a0.h0 through its values."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet(
        "previous",
        tuple(Prompt((0, 3, one, QUESTION), (0, 3, 3 - one, QUESTION), (one,), (3 - one,)) for one in (1, 2)),
    )
    method = StagedPathPatching(stages=("movers: logits", "next: movers.q", "last: next.v"), top=1)
    scores, found, groups = searched(method, model, prompts)
    rows = found.summary["path_stages"]["stages"]
    assert [[entry["head"] for entry in row["heads"]] for row in rows] == [["a1.h1"], ["a0.h0"], []]
    assert [(row["through"], row["at"]) for row in rows] == [(None, "END"), ("v", "all"), (None, "all")]
    assert scores.at("next").means[0, 0] == pytest.approx(4, abs=1e-4)
    assert (found.summary["path_stages"]["union"], found.summary["path_stages"]["per_stage"]) == (["a0.h0", "a1.h1"], 2)
    assert groups == {"a1.h1": 0, "a0.h0": 1}
    assert "no head's effect on movers.q exceeds its noise" in found.warnings[0]
    assert "went by movers.v in place of movers.q" in found.warnings[0]
    # Only kept heads are measured at `union`; the position of the strongest stage has all.
    assert scores.at("union").measured[0, 0].tolist() == [True, False, False, True]
    assert scores.at("all").measured.all()
    by_noise = StagedPathPatching(stages=method.stages, keep="noise")
    _, found, _ = searched(by_noise, model, prompts)
    assert found.summary["path_stages"]["union"] == ["a0.h0", "a1.h1"]
    assert "up to 4.6% of heads without an effect" in dict(found.facts)["heads kept"]
    # Without the other inputs, nothing is found there, and nothing is left to read from.
    alone = StagedPathPatching(stages=method.stages, top=1, other_inputs=False)
    _, found, _ = searched(alone, model, prompts)
    assert [len(row["heads"]) for row in found.summary["path_stages"]["stages"]] == [1, 0, 0]
    assert "it found none" in found.warnings[0]
    assert dict(found.facts)["stage last"] == "into next.v: not measured, no heads were found to read from"


def test_that_a_share_is_one_head_is_said_with_the_settings_to_change():
    few, many = Keep("top", 0.02, 2, 0), Keep("top", 3, 2, 0)
    wiring = Wiring(4, 4, 4)
    n_heads = len(heads_of(wiring))
    went = Entry(("logits",), "END", np.ones((3, n_heads)), np.ones(n_heads, dtype=bool))

    def said(keep: Keep, line: str = "movers: logits @END") -> list[str]:
        found = Found(PathStage.parse(line), None, [0], went.measured, went, {})
        return [text for text in findings_of(rows_of([found], keep, wiring)).warnings if "one head" in text]

    (text,) = said(few)
    assert "a share of 2% is meant for models of hundreds of heads, and this one has 16" in text
    assert "--set top=3" in text
    assert not said(many)
    assert not said(Keep("noise", 0.02, 2, 0))
    assert not said(few, "movers: logits @END top=4")


def test_heads_are_kept_by_count_or_above_their_noise():
    scores = np.array([[4.0, 1.0, 0.01, -3.0, 0.0], [4.0, -1.2, 0.01, -5.0, 0.0]])
    measured = np.ones(5, dtype=bool)
    assert noise_of(scores).tolist() == pytest.approx([0, 1.1 / 2**0.5, 0, 1 / 2**0.5, 0])
    by_noise = Keep("noise", top=0.02, noise=2, least=0.01)
    # The third is sure, and too small beside the first stage's strongest; the second is within its noise.
    assert by_noise.heads(scores, measured, 4.0, None) == [0, 3]
    assert by_noise.heads(scores, measured, 0.5, None) == [0, 3, 2]
    assert by_noise.heads(scores, measured, 4.0, 1) == [0]
    by_top = Keep("top", top=0.02, noise=2, least=0.01)
    assert by_top.heads(scores, measured, 4.0, None) == [0]
    assert by_top.heads(scores, measured, 4.0, 9) == [0, 3, 1, 2]
    assert Keep.count(384, 0.02) == 8


def test_of_several_other_inputs_the_strongest_above_its_noise_is_taken():
    stages = stages_from(("a: logits", "b: a.q"))

    def entry(*rows):
        return Entry(("a1.h0<q>",), "END", np.array(rows), np.ones(2, dtype=bool))

    results = {
        "asked_0": [as_result({"asked": entry([1.0, 0.0], [1.0, 0.0])})],
        "asked_1": [as_result({"asked": entry([0.5, 0.0], [-0.4, 0.0])})],
        # Keys have the larger mean, within its noise.
        "others_1": [as_result({"k": entry([4.0, 0.0], [-1.0, 0.0]), "v": entry([0.0, 0.3], [0.0, 0.2])})],
    }
    found = follow(stages, results, Keep("top", 1, 2, 0.01))
    assert (found[1].through, found[1].kept, found[0].kept) == ("v", [1], [0])


def test_a_stage_is_a_line(tmp_path):
    for name, lines in STAGE_LISTS.items():
        assert tuple(map(str, stages_from(name))) == lines
        assert StagedPathPatching(stages=name).stages == lines
    stage = PathStage.parse("late:  one.q , two.q@S1+1 top=4")
    assert str(stage) == "late: one.q, two.q @S1+1 top=4"
    assert PathStage.parse("x: a3.h1<v>, a4.h0<z>").at == "all"
    assert PathStage.parse("x: r5").at == "END"
    (tmp_path / "stages.txt").write_text("# mine\nmovers: logits @END\nnext: movers.q @S2  # where\n")
    (tmp_path / "stages.json").write_text(json.dumps(["movers: logits @END", "next: movers.q @S2"]))
    for file in ("stages.txt", "stages.json"):
        stages = StagedPathPatching(stages=str(tmp_path / file)).stages
        assert stages == ("movers: logits @END", "next: movers.q @S2")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": ()}, "no stage is given"),
        ({"stages": "io"}, "no list of stages 'io'. Known: any, colored-objects, ioi. Did you mean 'ioi'"),
        ({"stages": ("movers logits", "b: a.q")}, "no stage can be written 'movers logits'"),
        ({"stages": ("a: logits", "a: a.q")}, "two stages find 'a'"),
        ({"stages": ("a: logits", "b: c.q")}, "no earlier stage 'c'. Known: a"),
        ({"stages": ("b: b.q",)}, "no earlier stage 'b'"),
        ({"stages": ("a: logits", "b: a.q, m3")}, "heads found before and receivers by name"),
        ({"stages": ("union: logits",)}, "cannot be called 'union'"),
        ({"stages": ("a: logits, m1",)}, "'logits' is given beside other receivers"),
        ({"stages": ("a: r2, m1",)}, "'r2' is given beside other receivers"),
        ({"stages": ("a: h9.h9",)}, "no component can be called 'h9.h9'"),
        ({"stages": ("a: logits @END top=0",)}, "a share of the heads below 1"),
        ({"keep": "best"}, "Known: top, noise"),
        ({"top": 0}, "a share of the heads below 1"),
        ({"top": 1.5}, "top=1.5. Give a share of the heads below 1, or a whole number"),
        ({"top": float("inf")}, "a whole number of heads"),
        ({"stages": ("a: logits @END top=inf",)}, "a whole number of heads"),
        ({"stages": ("a: logits @END top=2.5",)}, "top=2.5"),
        ({"stages": ("a: logits @END top=x",)}, "top=x is no number"),
        ({"stages": ("a: logits", "b: a.q, a.q")}, "a.q is given twice"),
        ({"stages": ("a: a\u0663.h1<q>",)}, "no component can be called"),
        ({"noise": -1}, "Give 0 or more"),
    ],
)
def test_stages_that_cannot_be_searched_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StagedPathPatching(**settings)


def test_roles_receivers_and_single_prompts_are_refused_before_a_search(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    for stages, given, message in (
        (("a: logits @S2",), prompts, "stage a, at 'S2': 2 of 2 prompts lack that role"),
        (("a: a9.h9<q>",), prompts, "no head a9.h9"),
        (("a: r9",), prompts, "this model has no r9"),
        (("a: logits",), random_prompts(1), "noise over prompts, and there is one"),
    ):
        with pytest.raises(ValueError, match=message):
            StagedPathPatching(stages=stages).score(model, given, metric=LOGIT_DIFFERENCE)


def test_senders_reach_receivers_in_later_layers():
    wiring = Wiring(4, 2, 2)
    receivers = receivers_from(("a1.h0<q>", "m2"), "test")
    assert senders_before(receivers, wiring) == range(3)
    assert senders_before(receivers, wiring, between=False) == range(1)
    assert senders_before((), wiring) == range(0)
    assert senders_before(receivers_from(("r2",), "test"), wiring) == range(2)
