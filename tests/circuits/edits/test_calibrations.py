"""Edits that calibrate the attention to sinks: by hand, against scores before the softmax, and what changes no bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.edits import Identity, PatternEdit, Redistribute, ScalePosition, Swap, edit_from, edited
from circuits.edits.base import Where
from circuits.edits.places import Placed
from circuits.edits.sinks import Act, Var, massive_tokens
from circuits.evaluation.edit_effects import edit_values
from circuits.metrics import METRICS
from tests.conftest import random_prompts


def where(n: int, *, residual: Tensor | None = None, queries: Tensor | None = None, **roles: tuple[int, ...]) -> Where:
    """One causal sequence of n tokens."""
    keys = torch.arange(n).unsqueeze(0)
    rows = keys if queries is None else queries
    visible = keys.unsqueeze(1) <= rows.unsqueeze(-1)
    return Where(visible, keys, [Placed(roles)], rows, torch.zeros(1, n, 4) if residual is None else residual)


def last_row(edit: PatternEdit, row: list[float], of: Where | None = None) -> list[float]:
    """What becomes of the last row; those before it are uniform."""
    n = len(row)
    pattern = torch.tril(torch.ones(n, n)) / torch.arange(1, n + 1).unsqueeze(-1)
    pattern[-1] = torch.tensor(row)
    return edit.changed(pattern.unsqueeze(0), of or where(n))[0, -1].tolist()


@pytest.mark.parametrize(
    ("gamma", "row"), [(2, [2 / 3, 0.2, 2 / 15]), (0.5, [1 / 3, 0.4, 4 / 15]), (1, [0.5, 0.3, 0.2])]
)
def test_gamma_scales_the_first_token_and_divides_by_the_new_sum(gamma, row):
    assert last_row(ScalePosition("all", gamma), [0.5, 0.3, 0.2]) == pytest.approx(row)


def test_gamma_is_log_gamma_added_to_the_score_and_flattens_what_is_left():
    scores = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = ~where(6).visible
    before = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    for gamma, place in ((3.0, "0"), (0.2, "named")):
        raised = scores.clone()
        raised[..., [0] if place == "0" else [2, 3]] += torch.tensor(gamma).double().log()
        made = ScalePosition("all", gamma, place).changed(before, where(6, named=(2, 3)))
        torch.testing.assert_close(made, raised.masked_fill(hidden, -torch.inf).softmax(-1), atol=1e-7, rtol=0)


def test_act_takes_from_tokens_that_get_much_and_spares_the_first():
    # Means over the queries that can see them: token 1 .44, token 3 .1, token 2 .27, which only the threshold spares.
    of = [0.2, 0.5, 0.2, 0.1]
    assert last_row(Redistribute("all", Act(over=0.4)), of) == pytest.approx([0.32, 0.2, 0.32, 0.16])
    pattern = torch.tensor([[[1.0, 0, 0], [0.9, 0.1, 0], [0.8, 0.15, 0.05]]])
    # Tokens 1 (mean .125) and 2 (.05): the first token gets most and is spared; its own row sees nothing else.
    made = Redistribute("all", Act(beta=0, over=0.1)).changed(pattern, where(3))[0]
    torch.testing.assert_close(made, torch.tensor([[1, 0, 0], [1, 0, 0], [0.8 / 0.85, 0, 0.05 / 0.85]]))


def image_of_three(massive: float = 10.0) -> Where:
    """BOS, an image of three tokens whose second is massive in the dimension in which BOS is, and a word."""
    residual = torch.full((1, 5, 64), 0.01)
    residual[0, 0, 7], residual[0, 2, 7] = 10.0, massive
    return where(5, residual=residual, image=(1, 2, 3))


def test_var_takes_from_massive_tokens_where_a_row_reads_the_image():
    var = Redistribute("all", Var(on="image", tau=7))
    of = image_of_three()
    assert massive_tokens(of.residual, of.keys, 7)[0].tolist() == [True, False, True, False, False]
    assert last_row(var, [0.4, 0.1, 0.2, 0.2, 0.1], of) == pytest.approx([0.24, 0.18, 0.12, 0.36, 0.10])
    too_much, too_little = [0.4, 0.1, 0.3, 0.1, 0.1], [0.6, 0.05, 0.05, 0.05, 0.25]
    assert last_row(var, too_much, of) == pytest.approx(too_much)
    assert last_row(var, too_little, of) == pytest.approx(too_little)
    no_sink = image_of_three(0.01)
    assert last_row(var, [0.4, 0.1, 0.2, 0.2, 0.1], no_sink) == pytest.approx([0.4, 0.1, 0.2, 0.2, 0.1])
    rows = var.changed(torch.full((1, 5, 5), 0.2), of)[0]
    assert torch.equal(rows[:4], torch.full((4, 5), 0.2))  # rows of the image and before it


def test_var_may_be_given_no_tokens_that_are_massive():
    of = image_of_three()
    assert not massive_tokens(of.residual, of.keys, 20).any()  # of 64 dimensions, none is above 8 root mean squares


def test_freed_attention_that_has_nowhere_to_go_is_refused(family_model):
    row = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    made = Redistribute("all", Act()).changed(row, where(2))[0]
    assert made[0].tolist() == [1, 0]
    assert made[1].isnan().all()
    only = Redistribute("all", Var(on="image", tau=7, rho=1)).changed(
        torch.tensor([[[0.0] * 5] * 4 + [[0.4, 0, 0.6, 0, 0]]]), image_of_three()
    )
    assert only[0, 4].isnan().all()
    model, prompts = family_model("gpt2"), random_prompts(1)
    edits = [edit_from("set 1.. 1"), Redistribute()]
    with torch.no_grad(), edited(model, {"a0.h1": edits}, prompts), pytest.raises(ValueError, match="no proportion"):
        model.bridge(torch.tensor([prompts.prompts[0].clean]))


def test_own_tokens_are_known_by_their_positions():
    late = where(4, queries=torch.tensor([[2, 3]]))
    rows = torch.tensor([[[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]])
    made = Identity("all", 0.5).changed(rows, late)[0]
    torch.testing.assert_close(made, torch.tensor([[0.25, 0.25, 0.5, 0], [0.125, 0.125, 0.125, 0.625]]))


@pytest.mark.parametrize("text", ["scale-position all 1", "identity all 0", "redistribute all act beta=1"])
def test_what_changes_nothing_changes_no_bit(family_model, text):
    model, prompts = family_model("llama"), random_prompts(2)
    ids = torch.tensor([prompts.prompts[0].clean])
    with torch.no_grad():
        before = model.bridge(ids)
        with edited(model, {"a0.h1": edit_from(text), "a1.h0": edit_from(text)}, prompts):
            assert torch.equal(model.bridge(ids), before)
    values = edit_values(model, prompts, [{"a0.h1": edit_from(text)}], metric=METRICS["logit-difference"])
    assert (values.metric[0] == values.metric[1]).all()


def test_the_fast_run_and_the_hooks_calibrate_alike(family_model):
    model, prompts = family_model("llama"), random_prompts(4)
    one = PromptSet("one", prompts.prompts[:1])
    edits: Any = {
        "a0.h1": Redistribute("all", Act(over=0.15)),
        "a1.h0": ScalePosition("all", 0.2),
        "a2.h2": [Identity("END", 0.4), Swap("END", "a2.h1")],
    }
    own = edit_values(model, one, [edits], metric=METRICS["logit-difference"]).metric
    with torch.no_grad(), edited(model, edits, prompts):
        logits = model.bridge(torch.tensor([one.prompts[0].clean]))[0, one.prompts[0].answer_position]
    expected = logits[list(one.prompts[0].answers)].mean() - logits[list(one.prompts[0].wrong_answers)].mean()
    assert own[1, 0] == pytest.approx(float(expected), abs=1e-5)
    assert abs(own[1, 0] - own[0, 0]) > 1e-4


def test_two_heads_exchange_what_they_gather(family_model):
    model, prompts = family_model("gpt2"), random_prompts(1)
    caught: list[Tensor] = []
    block = model.bridge.blocks[1].attn.o
    ids = torch.tensor([prompts.prompts[0].clean])
    for edits in ({}, {"a1.h0": Swap("all", "a1.h2"), "a1.h2": Swap("all", "a1.h0")}):
        with torch.no_grad(), edited(model, edits, prompts):
            handle = block.register_forward_hook(lambda _m, args, _o: caught.append(args[0].unflatten(-1, (4, 8))))
            model.bridge(ids)
            handle.remove()
    assert torch.equal(caught[1], caught[0][:, :, [2, 1, 0, 3]])


@pytest.mark.parametrize(
    ("head", "text", "message"),
    [
        ("a2.h0", "redistribute all act", "the last layer, 2, is computed where answers are read alone"),
        ("a1.h0", "swap END a0.h1", "name a head of its layer"),
        ("a1.h0", "swap END a1.h9", "name a head of its layer"),
        ("a1.h0", "scale-position END 2 IO", "no role 'IO'"),
        ("a1.h0", "redistribute all var", "no role '\\*visual'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(family_model, head, text, message):
    model, prompts = family_model("llama"), random_prompts(2)
    with pytest.raises(ValueError, match=message), edited(model, {head: edit_from(text)}, prompts):
        pass


def test_a_cache_hides_the_rows_that_act_needs(family_model):
    model, prompts = family_model("gpt2"), random_prompts(1)
    ids = torch.tensor([prompts.prompts[0].clean])
    generate = model.bridge.original_model.generate
    with torch.no_grad(), edited(model, {"a1.h0": Redistribute()}, prompts):
        assert generate(ids, max_new_tokens=2, do_sample=False, use_cache=False).shape[1] == ids.shape[1] + 2
        with pytest.raises(ValueError, match="use_cache=False"):
            generate(ids, max_new_tokens=2, do_sample=False, use_cache=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale-position all 0", "takes a gamma above 0"),
        ("scale-position all", "takes rows, gamma and a place"),
        ("scale-position all two", "takes rows, gamma and a place"),
        ("identity all 1.5", "from 0"),
        ("identity all", "takes rows and t"),
        ("redistribute all", "no rule of 'redistribute' ''"),
        ("redistribute all act beta=2", "takes a beta from 0 to 1"),
        ("redistribute all act gamma=2", "no setting of 'redistribute all act' 'gamma'"),
        ("redistribute all act beta=x", "is 'x', which is no number"),
        ("swap END", "takes rows and a head"),
    ],
)
def test_texts_that_say_no_calibration_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        edit_from(text)
