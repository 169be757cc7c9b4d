"""Task needle: where the needle is, what is asked for, and what a corrupt prompt changes."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.tasks.needle import Needle
from tests.circuits.tasks.reading import changed, positions
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_span_behind_the_first_cue(kind: str) -> None:
    for prompt in Needle().build(tokenizer_of(kind), n=40):
        needle, distractor, (cue,) = (prompt.roles[role] for role in ("needle", "distractor", "cue"))
        assert needle == tuple(range(cue + 1, cue + 6))
        assert [prompt.clean.index(prompt.clean[-1]), prompt.clean.count(prompt.clean[-1])] == [cue, 2]
        assert prompt.answers == (tuple(prompt.clean[at] for at in needle),)
        assert prompt.wrong_answers == (tuple(prompt.clean[at] for at in distractor),)
        assert not {cue, *needle} & set(distractor)
        assert len(set(prompt.clean)) == len(prompt) - 1


def test_lengths_and_depths_are_as_their_roles_say() -> None:
    seen = set()
    for prompt in Needle(lengths=(20, 41), depths=(0, 0.5, 1), needle=4).build(tokenizer_of("words"), n=60):
        (length,) = (role for role in prompt.roles if role.startswith("length_"))
        (depth,) = (role for role in prompt.roles if role.startswith("depth_"))
        seen.add((length, depth))
        assert length == f"length_{len(prompt)}"
        assert prompt.roles[depth] == prompt.roles["needle"]
        most = len(prompt) - 1 - 4 - 1
        assert prompt.roles["cue"][0] == round({"depth_0": 0, "depth_50": 0.5, "depth_100": 1}[depth] * most)
    assert len(seen) == 6


def test_a_swap_exchanges_the_needle_and_the_other_span() -> None:
    for prompt in Needle("swap").build(tokenizer_of("words"), n=20):
        assert sorted(prompt.clean) == sorted(prompt.corrupt)
        assert changed(prompt) == positions(prompt, "needle", "distractor")
        assert tuple(prompt.corrupt[at] for at in prompt.roles["needle"]) == prompt.wrong_answers[0]


def test_a_break_leaves_nothing_that_points_to_the_needle() -> None:
    for prompt in Needle("break").build(tokenizer_of("words"), n=20):
        assert changed(prompt) == positions(prompt, "cue")
        assert prompt.corrupt[:-1].count(prompt.corrupt[-1]) == 0


@pytest.mark.parametrize("corruption", ["swap", "break"])
def test_a_cue_may_have_several_tokens(corruption: str) -> None:
    for prompt in Needle(corruption, lengths=(30,), cue=3).build(tokenizer_of("words"), n=20):
        cue = prompt.roles["cue"]
        assert len(prompt) == 30
        assert tuple(prompt.clean[at] for at in cue) == prompt.clean[-3:] == prompt.corrupt[-3:]
        assert prompt.roles["needle"] == tuple(range(cue[-1] + 1, cue[-1] + 6))
        assert changed(prompt) == positions(prompt, *(("cue",) if corruption == "break" else ("needle", "distractor")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lengths": (15,)}, "prompts of 16 or more"),
        ({"needle": 0}, "the needle has 0 tokens"),
        ({"cue": 0}, "its cue 0"),
        ({"cue": 4}, "prompts of 22 or more"),
        ({"lengths": ()}, r"lengths are \[\]"),
        ({"depths": (0.5, 1.5)}, "from 0 to 1"),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Needle(**settings)
