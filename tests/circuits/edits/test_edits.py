"""Edits do what they say, by hand and by TransformerLens' own hooks; they leave no trace; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits import (
    EDITS,
    Edit,
    Identity,
    KnockOut,
    PatternEdit,
    Redistribute,
    Reverse,
    Scale,
    ScalePosition,
    SetRows,
    Shuffle,
    Swap,
    ToFirst,
    Uniform,
    Zero,
    edit_from,
    edited,
)
from circuits.edits.base import Where
from circuits.edits.places import Placed
from circuits.edits.sinks import Act
from circuits.model.load import load_model, model_from_module
from circuits.tasks import TASKS
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.tasks.reading import fitting, text_of
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts

# Sums in float32 of values of order one, taken in another order.
CLOSE = {"atol": 2e-5, "rtol": 1e-4}
# Families whose attention TransformerLens leaves to transformers: it discards what a hook on the pattern returns.
DISCARD_HOOKS = ("gptneo", "gptj", "opt")
LETTERS = (3, 1, 1, 2)
EVERY = {
    "set": SetRows("END", "last-two"),
    "uniform": Uniform(),
    "zero": Zero("last-two"),
    "to-first": ToFirst(),
    "shuffle": Shuffle("END", seed=3),
    "reverse": Reverse(),
    "knock-out": KnockOut("END"),
    "scale": Scale("first..", -0.5),
    "scale-position": ScalePosition("END", 2.0, "first"),
    "identity": Identity("END..", 0.25),
    "redistribute": Redistribute("all", Act(over=0.2)),
    "swap": Swap("END", "a0.h1"),
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_model(str(write_detector(tmp_path_factory.mktemp("detector"))))


@pytest.fixture(scope="module")
def asked() -> PromptSet:
    """3 1 1 2 ?: the token before the question is 2."""
    ids = (*LETTERS, QUESTION)
    roles = {"third": (2,), "letters": (0, 1, 2, 3), "first": (0,), "ones": (1, 2)}
    return PromptSet("asked", (Prompt(ids, ids, (2,), (0,), roles=roles),))


def logits_at_end(model: Any, prompts: PromptSet, edits: Any) -> Tensor:
    ids = torch.tensor([prompts.prompts[0].clean])
    with torch.no_grad(), edited(model, edits, prompts):
        return model.bridge(ids)[0, -1]


@pytest.mark.parametrize(
    ("edit", "logits"),
    [
        (SetRows("END", "third"), [0, 2, 0, 0]),
        (SetRows("END", "0"), [0, 0, 0, 2]),
        (SetRows("END", "first=0.75,ones=0.25"), [0, 0.5, 0, 1.5]),
        (SetRows("END", "letters without third"), [0, 2 / 3, 2 / 3, 2 / 3]),
        (Uniform("END"), [0, 0.8, 0.4, 0.4]),  # of five tokens two are 1, and one is the question mark
        (ToFirst("END"), [0, 0, 0, 2]),
        (Reverse("END"), [0, 2, 0, 0]),  # the weight was on the fourth of five, and is on the second
        (Zero("END"), [0, 0, 0, 0]),
        (KnockOut("END"), [0, 0, 0, 0]),
        (Scale("END", 0.25), [0, 0, 0.5, 0]),
        (Identity("END", 0.25), [0, 0, 1.5, 0]),  # a quarter of its weight is on the question mark
        (Swap("END", "a0.h1"), [0, 0, 0, 0]),  # which gathers nothing
        (Uniform("first"), [0, 0, 2, 0]),  # another row: nothing at the end
    ],
)
def test_what_a_head_copies_is_what_it_is_told_to_look_at(detector, asked, edit, logits):
    assert logits_at_end(detector, asked, {"a0.h0": edit})[:4].tolist() == pytest.approx(logits, abs=1e-6)


def test_edits_of_one_head_follow_each_other_and_outputs_come_last(detector, asked):
    edits = {"a0.h0": [Scale("END", 0.5), ToFirst("END"), Reverse("END")], "a1.h1": Scale("END", 3)}
    assert logits_at_end(detector, asked, edits).tolist() == [0, 0, 0, 0, 3]  # the last key is the question mark's


def a_pattern(n: int = 5) -> tuple[Tensor, Where]:
    """Random rows of two sequences, the second of which is padded in front by two, with a window of three."""
    square = torch.ones(n, n, dtype=torch.bool)
    keys = torch.stack((torch.arange(n), torch.arange(n) - 2))
    visible = (square.tril() & square.triu(-2)).expand(2, n, n) & (keys >= 0).unsqueeze(1)
    scores = torch.randn(2, n, n, generator=torch.Generator().manual_seed(0)).masked_fill(~visible, -1e9)
    pattern = scores.softmax(-1) * visible.any(-1, keepdim=True)
    roles = {"END": (2,), "last-two": (1, 2), "first": (0,)}
    return pattern, Where(visible, keys, [Placed(roles), Placed(roles, 2)], keys, torch.zeros(2, n, 1))


@pytest.mark.parametrize("name", [name for name, edit in EDITS.items() if issubclass(edit, PatternEdit)])
def test_a_pattern_edit_keeps_sums_is_pure_and_sees_nothing_hidden(name):
    edit = EVERY[name]
    assert isinstance(edit, PatternEdit)
    pattern, where = a_pattern()
    before = pattern.clone()
    new = edit.changed(pattern, where)
    assert torch.equal(pattern, before)
    assert torch.equal(new, edit.changed(pattern, where))
    rows = where.visible[:, :, :].any(-1)
    if name == "set":  # keys 1 and 2 of each prompt
        assert new[0, 2].tolist() == [0, 0.5, 0.5, 0, 0]
        assert new[1, 4].tolist() == [0, 0, 0, 0.5, 0.5]
        return
    assert not new[~where.visible].any()
    wanted = torch.ones(()) if edit.keeps_sums else torch.zeros(())
    torch.testing.assert_close(new.sum(-1)[rows], wanted.expand_as(new.sum(-1)[rows]))


def test_uniform_first_and_reversed_rows_respect_padding_and_windows():
    pattern, where = a_pattern()
    third = 1 / 3
    assert Uniform().changed(pattern, where)[0, 4].tolist() == pytest.approx([0, 0, third, third, third])
    assert Uniform().changed(pattern, where)[1, 3].tolist() == [0, 0, 0.5, 0.5, 0]
    assert ToFirst().changed(pattern, where)[0, 4].tolist() == [0, 0, 1, 0, 0]
    assert ToFirst().changed(pattern, where)[1, 4].tolist() == [0, 0, 1, 0, 0]
    torch.testing.assert_close(Reverse().changed(pattern, where)[1, 4, 2:], pattern[1, 4, 2:].flip(0))
    shuffled = Shuffle().changed(pattern, where)
    torch.testing.assert_close(shuffled.sort(-1).values, pattern.sort(-1).values)
    assert torch.equal(shuffled[0, 3] > 0, where.visible[0, 3])


def test_every_edit_is_read_back_from_its_text_and_says_what_it_does():
    assert set(EVERY) == set(EDITS)
    for name, edit in EVERY.items():
        assert edit_from(edit.text) == edit
        assert edit.text.startswith(name)
        assert edit.description.count(":") == 1
    assert edit_from("uniform") == Uniform("all")
    assert SetRows("END", "color_* without correct_color").description == (
        "the row of END: all weight on color_* but correct_color, with equal shares"
    )


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_edits_on_the_model_are_those_of_hooks_and_leave_no_trace(family_model, family):
    model, prompt = family_model(family), random_prompts(n=2, length=9).prompts[0]
    prompts, ids = PromptSet("one", (prompt,)), torch.tensor([prompt.clean])
    with torch.no_grad():
        before = model.bridge(ids)
        if family in DISCARD_HOOKS:
            expected = _with_mean_of_values(model, ids, window=4 if family == "gptneo" else 9)
        else:
            with model.bridge.hooks(fwd_hooks=[("blocks.1.attn.hook_pattern", _uniform_end)]):
                expected = model.bridge(ids)
        with edited(model, {"a1.h2": Uniform("END")}, prompts):
            actual = model.bridge(ids)
        with edited(model, {"a1.h2": [], "a0.h0": Scale("all", 1.0)}, prompts):
            same = model.bridge(ids)
        assert torch.equal(same, before)
        assert torch.equal(model.bridge(ids), before)
    torch.testing.assert_close(actual, expected, **CLOSE)
    if family != "cohere":  # its logits are scaled down
        assert float((actual - before).abs().max()) > 0.01


def _with_mean_of_values(model: Any, ids: Tensor, *, window: int) -> Tensor:
    """Logits where the last z of layer 1's head 2 is the mean of the values that it sees, by hooks on its matrices."""
    attention, values = model.bridge.blocks[1].attn, []

    def mean(_module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        z = args[0].clone().unflatten(-1, (4, 8))
        z[:, -1, 2] = values[0].reshape(*ids.shape, 4, 8)[:, -window:, 2].mean(1)
        return (z.reshape(args[0].shape),)

    handles = [attention.v.register_forward_hook(lambda _m, _a, out: values.append(out))]
    handles.append(attention.o.register_forward_pre_hook(mean))
    logits = model.bridge(ids)
    for handle in handles:
        handle.remove()
    return logits


def _uniform_end(pattern: Tensor, hook: Any) -> Tensor:
    """Query head 2, the last row: the same weight on what it sees; in a window of four, on four keys."""
    new = pattern.clone()
    row = new[:, 2, -1]
    new[:, 2, -1] = (row > 0) / (row > 0).sum(-1, keepdim=True)
    return new


def generated(model: Any, prompts: list[Prompt], *, side: str = "left", use_cache: bool = True) -> Tensor:
    """Logits [step, sequence, token] of three generated tokens, from prompts that are filled up on one side."""
    longest = max(map(len, prompts))
    filled = [[0] * (longest - len(p)) for p in prompts]
    rows = [[*pad, *p.clean] if side == "left" else [*p.clean, *pad] for pad, p in zip(filled, prompts, strict=True)]
    real = [[0] * len(pad) + [1] * len(p) for pad, p in zip(filled, prompts, strict=True)]
    root = model.bridge.original_model
    with torch.no_grad():
        made = root.generate(
            torch.tensor(rows),
            attention_mask=torch.tensor(real),
            max_new_tokens=3,
            do_sample=False,
            use_cache=use_cache,
            output_logits=True,
            return_dict_in_generate=True,
        )
    return torch.stack(made.logits)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "gemma2", "gptneo"])
def test_generation_is_edited_alike_with_and_without_a_cache_and_beside_others(family_model, family):
    model = family_model(family)
    prompts = PromptSet("ends", tuple(p for p in random_prompts(8) if p.answer_position == len(p) - 1))
    edits = {"a1.h1": SetRows("END..", "last-two"), "a2.h3": [Shuffle(), Scale("END", 2.0)], "a0.h0": ToFirst("END")}
    if family in ("gemma2", "gptneo"):  # a window of four tokens leaves the role behind
        edits["a1.h1"] = Uniform("END..")
    chosen = [prompts.prompts[0], prompts.prompts[1]]
    assert len(chosen[0]) != len(chosen[1])
    plain = generated(model, chosen)
    with edited(model, edits, prompts):
        together = generated(model, chosen)
        torch.testing.assert_close(generated(model, chosen, use_cache=False), together, **CLOSE)
        for number, prompt in enumerate(chosen):
            torch.testing.assert_close(generated(model, [prompt])[:, 0], together[:, number], **CLOSE)
    assert all(float((step - other).abs().max()) > 0.01 for step, other in zip(plain, together, strict=True))
    assert torch.equal(generated(model, chosen), plain)


def test_a_role_edits_the_prompt_alone_and_onward_rows_every_generated_token(family_model):
    model, prompt = family_model("llama"), random_prompts(2).prompts[0]
    prompts = PromptSet("one", (prompt,))
    ids = torch.tensor([(*prompt.clean, 7, 8)])
    caught: list[Tensor] = []
    for rows in ("END", "END.."):
        with torch.no_grad(), edited(model, {"a2.h1": Zero(rows)}, prompts):
            handle = model.bridge.blocks[2].attn.o.register_forward_hook(lambda _m, args, _o: caught.append(args[0]))
            model.bridge(ids)
            handle.remove()
    once, onward = (z.unflatten(-1, (4, 8))[0, :, 1].abs().sum(-1) for z in caught)
    assert (once == 0).nonzero().flatten().tolist() == [8]
    assert (onward == 0).nonzero().flatten().tolist() == [8, 9, 10]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_prompts_are_edited_at_their_own_positions(family_model, side):
    model, prompts = family_model("gpt2"), random_prompts(2)
    short, long = prompts.prompts
    assert len(short) == len(long) - 1
    row = (0, *short.clean) if side == "left" else (*short.clean, 0)
    mask = torch.ones(2, len(long), dtype=torch.long)
    mask[0, 0 if side == "left" else -1] = 0
    root = model.bridge.original_model
    with torch.no_grad(), edited(model, {"a1.h0": SetRows("END", "first")}, prompts):
        positions = (mask.cumsum(-1) - 1).clamp_min(0)
        both = root(torch.tensor([row, long.clean]), attention_mask=mask, position_ids=positions).logits
        alone = root(torch.tensor([short.clean])).logits[0]
    own = both[0, 1:] if side == "left" else both[0, :-1]
    torch.testing.assert_close(own, alone, **CLOSE)


def test_nothing_is_left_after_an_exception_and_parts_of_an_edited_model_do_not_run(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    ids = torch.tensor([prompts.prompts[0].clean])
    with torch.no_grad():
        before = model.bridge(ids)
        with pytest.raises(IndexError), edited(model, {"a0.h1": Zero()}):
            model.bridge(ids + 1000)
        assert torch.equal(model.bridge(ids), before)
        with edited(model, {"a0.h1": Zero()}):
            with pytest.raises(ValueError, match="methods, metrics and a second change would not see"):
                model.forward.record(ids)
            with pytest.raises(ValueError, match="give all edits to one"), edited(model, {"a0.h2": Zero()}):
                pass
            with pytest.raises(ValueError, match="need token ids"):
                model.bridge.original_model(inputs_embeds=torch.zeros(1, 3, 32))
        assert torch.equal(model.forward.record(ids).residual[0], model.forward.embed(ids))
        assert torch.equal(model.bridge(ids), before)


def test_a_layer_that_does_something_else_than_its_weights_say_is_refused_and_left_alone():
    model, ids = model_from_module(random_module("llama"), name="changed"), torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        model.bridge.blocks[1].attn.v.original_component.weight.mul_(2)
        before = model.bridge(ids)
        with edited(model, {"a0.h0": Uniform()}):
            model.bridge(ids)
        with (
            pytest.raises(ValueError, match="layer 1 of 'changed' does something else here"),
            edited(model, {"a1.h0": Uniform()}),
        ):
            model.bridge(ids)
        assert torch.equal(model.bridge(ids), before)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.right_roles])
def test_tasks_know_which_words_say_the_answer_and_which_compete(name):
    tokenizer = fitting(name)
    for prompt in TASKS[name]().build(tokenizer, n=6):
        words = [text_of(tokenizer, [token]).lower() for token in prompt.clean]
        (answer,) = (text_of(tokenizer, [token]).lower() for token in prompt.answers)
        groups = (TASKS[name].right_roles, TASKS[name].wrong_roles)
        right, wrong = ({words[at] for at in SetRows(keys=group).weights(prompt.roles)} for group in groups)
        assert right == {answer}
        assert answer not in wrong
        assert {text_of(tokenizer, [token]).lower() for token in prompt.wrong_answers} <= wrong


def refused(model: Any, edits: Any, prompts: PromptSet | None) -> str:
    """The message of a refusal; no module of the model has run."""
    runs: list[Any] = []
    handle = model.bridge.blocks[-1].register_forward_hook(lambda *_: runs.append(1))
    try:
        with edited(model, edits, prompts):
            pass
    except ValueError as error:
        assert not runs
        return str(error)
    finally:
        handle.remove()
    raise AssertionError("not refused")


def test_what_cannot_be_is_refused_before_anything_runs(family_model):
    model, prompts = family_model("llama"), random_prompts(3)
    for prompt in prompts:
        model.forward.context(len(prompt))  # masks of these lengths are known
    assert "has no head 'a3.h0': its heads are a0.h0 to a2.h3, query heads" in refused(
        model, {"a3.h0": Zero()}, prompts
    )
    assert "has no head 'a0.h4'" in refused(model, {"a0.h4": Zero()}, prompts)
    assert "has no head 'a0.kv1'" in refused(model, {"a0.kv1": Zero()}, prompts)
    lacking = refused(model, {"a0.h0": SetRows("END", "S1")}, prompts)
    assert lacking.startswith("'set END S1' cannot edit prompt 0: no role 'S1'; the prompt has END, first, last-two")
    assert "no role 'IO'" in refused(model, {"a0.h0": Uniform("IO")}, prompts)
    future = refused(model, {"a0.h0": SetRows("first", "END")}, prompts)
    assert "position 0 cannot see 8, which is in its future" in future
    assert "cannot see 5" in refused(model, {"a0.h0": SetRows("all", "5")}, prompts)
    assert "names position 20; prompt 0 has 9 tokens" in refused(model, {"a0.h0": SetRows("END", "20")}, prompts)
    assert "give the prompts, or positions" in refused(model, {"a0.h0": Uniform("END")}, None)
    assert "which is in its future" in refused(model, {"a0.h0": SetRows("3", "5")}, None)
    assert "leaves nothing" in refused(model, {"a0.h0": SetRows("END", "first without 0")}, prompts)


def test_keys_beyond_a_window_are_refused(family_model):
    model, prompts = family_model("mistral"), random_prompts(1)
    model.forward.context(9)
    assert "does not let position 8 see 0 (its window is shorter)" in refused(
        model, {"a0.h0": SetRows("END", "first")}, prompts
    )


def test_other_sequences_than_the_prompts_are_refused_where_roles_are_named(family_model):
    model, prompts = family_model("gpt2"), random_prompts(3)
    with edited(model, {"a0.h0": Uniform("END")}, prompts):
        model.bridge(torch.tensor([prompts.prompts[1].corrupt]))
        with pytest.raises(ValueError, match="begins with none of the 3 prompts whose roles the edits name"):
            model.bridge(torch.tensor([[1, 2, 3]]))
    with edited(model, {"a0.h0": Uniform("2..")}):
        model.bridge(torch.tensor([[1, 2, 3]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set END a=0.5,b=0.6", "a row adds up to 1, and these shares, which may not be negative, to 1.1"),
        ("set END a=1.5,b=-0.5", "may not be negative"),
        ("set END a=0.5,b", "give every role its share"),
        ("set END a*=1", "by its own name"),
        ("set END a=x", "the share of a is 'x'"),
        ("set END", "takes rows and keys"),
        ("set END a b", "takes rows and keys"),
        ("uniforn END", "Did you mean 'uniform'"),
        ("uniform END 3", "takes rows and nothing else"),
        ("scale END", "takes rows and a factor"),
        ("scale END inf", "finite factor"),
        ("shuffle END two", "takes rows and a seed"),
        ("shuffle END \u00b2", "takes rows and a seed"),
        ("shuffle END 99999999999", "a seed from 0 to"),
        ("set END a,a", "a is given twice"),
        ("set END a=0.5,a=1", "a is given twice"),
        ("set END a without", "say which places are left out"),
        ("zero ..", "needs rows"),
        ("", "no edit ''"),
    ],
)
def test_texts_that_say_no_edit_are_refused(text, message):
    with pytest.raises(ValueError, match=message.replace("'", "['\"]")):
        edit_from(text)


def test_an_edit_of_no_row_a_head_twice_and_digits_of_other_scripts_are_refused(detector, asked):
    for edit, message in ((Uniform("9"), "edits nothing: there is no row 9"), (Uniform("\u0663"), "no role")):
        with pytest.raises(ValueError, match=message), edited(detector, {"a0.h0": edit}, asked):
            pass
    twice = {"a0.h0": Uniform("END"), "a00.h0": Zero("END")}
    with pytest.raises(ValueError, match=r"'a00\.h0' is given twice"), edited(detector, twice, asked):
        pass


def test_an_edit_under_which_the_model_overflows_is_named(detector, asked):
    from circuits.evaluation.edit_effects import edit_values
    from circuits.metrics import METRICS

    variants = [{"a0.h0": Scale("END", 2)}, {"a0.h0": Scale("END", 1e39)}]
    with pytest.raises(ValueError, match=r"under scale END 1e\+39 of a0.h0 is not finite"):
        edit_values(detector, asked, variants, metric=METRICS["logit-difference"])


def test_edits_of_other_packages_are_found_by_name():
    class Nothing(PatternEdit):
        name, summary = "nothing", "as it was"
        changed: Callable[..., Tensor] = staticmethod(lambda pattern, where: pattern)

    EDITS.register(Nothing)
    try:
        assert isinstance(edit_from("nothing END"), Edit)
    finally:
        del EDITS._things["nothing"]
