"""Prompts as people read them."""

from __future__ import annotations

import pytest

from circuits import TASKS, Prompt, PromptSet, ReadablePrompts
from tests.bundled import bundled


@pytest.fixture(scope="module")
def tokenizer():
    return bundled("reference").tokenizer


@pytest.fixture(scope="module")
def prompts(tokenizer):
    return ReadablePrompts(TASKS["ioi"]().build(tokenizer, n=12), tokenizer)


def test_the_text_has_the_tokens_of_the_prompt(prompts, tokenizer):
    for shown, prompt in zip(prompts, prompts.prompt_set, strict=True):
        assert tuple(tokenizer(shown.clean)["input_ids"]) == prompt.clean
        assert tuple(tokenizer(shown.corrupt)["input_ids"]) == prompt.corrupt
        assert len(shown.tokens) == len(prompt.clean)
        assert shown.changed == tuple(n for n in range(len(prompt)) if prompt.clean[n] != prompt.corrupt[n])


def test_roles_are_those_of_the_prompt_and_the_answer_is_the_indirect_object(prompts):
    for shown, prompt in zip(prompts, prompts.prompt_set, strict=True):
        assert dict(shown.roles) == prompt.roles
        assert list(shown.roles)[-1] == "END"
        assert (shown.of_role("IO"),) == shown.answers
        with pytest.raises(ValueError, match=r"no role 'I0'\. Known: .*IO.*Did you mean 'IO'"):
            shown.of_role("I0")


def test_frames_have_a_row_per_prompt_and_per_token(prompts):
    frame = prompts.to_frame()
    assert frame["clean"].tolist() == [prompt.clean for prompt in prompts]
    assert frame["S2"].tolist() == [prompt.of_role("S2") for prompt in prompts]
    tokens = prompts.to_token_frame()
    assert len(tokens) == frame["tokens"].sum()
    chosen = tokens[(tokens["prompt"] == 3) & (tokens["role"] == "IO")]
    assert chosen["token"].tolist() == [prompts[3].of_role("IO")]
    assert chosen["position"].tolist() == list(prompts[3].roles["IO"])


def test_negatives_come_last_and_have_no_corrupt_side(tokenizer):
    positive, negative = (Prompt((5, number), (5, number), answers=(7,)) for number in (6, 7))
    shown = ReadablePrompts(PromptSet("labeled", (positive,), (negative,)), tokenizer)
    assert [(prompt.label, prompt.corrupt) for prompt in shown] == [("positive", None), ("negative", None)]
    assert shown.to_frame()["corrupt"].isna().tolist() == [True, True]
    assert set(shown.to_token_frame()["corrupt_token"].isna()) == {True}


def test_without_a_tokenizer_tokens_are_shown_by_their_ids():
    shown = ReadablePrompts(PromptSet("ids", (Prompt((5, 6), (5, 7), answers=((7, 8),)),)), None)
    assert not shown.has_text
    assert (shown[0].clean, shown[0].answers, shown[0].tokens) == ("<5> <6>", ("<7><8>",), ("<5>", "<6>"))


def test_notebooks_show_text_as_text(prompts, tokenizer):
    assert "<script" not in prompts._repr_html_()
    assert prompts._repr_html_().count('<div style="margin:6px 0">') == 8
    assert "... and 4 more" in prompts._repr_html_()
    assert repr(prompts).startswith("<12 prompts of ioi: 'Because David")
    prompt = Prompt((5, 6), (5, 7), answers=(7,), roles={"<b>": (0,)})
    shown = ReadablePrompts(PromptSet("<script>", (prompt,)), tokenizer)._repr_html_()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_role_that_only_another_prompt_of_the_set_has_is_empty():
    prompts = PromptSet("own", (Prompt((5, 7), (5, 8), (1,), roles={"A": (1,)}), Prompt((5, 7), (5, 9), (1,))))
    first, second = ReadablePrompts(prompts, None)
    assert (first.of_role("A"), second.of_role("A")) == ("<7>", "")
    with pytest.raises(ValueError, match="no role 'B'"):
        second.of_role("B")
