"""Where heads look among options: patterns by hand, and a model whose one head looks up the correct letter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits import KnockOut, Uniform
from circuits.evaluation.edit_effects import edit_values
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.profiles import Attention, CorrectLetter, Options, Profile, measure_profiles
from tests.circuits.hand_models import choice_prompts, write_choice
from tests.circuits.profiles.by_hand import by_place, seen

HEADS = ("a0.h0", "a0.h1", "a1.h0", "a1.h1")
# A w B w w C w ?: the end looks at B most of all.
ROW = [0.125, 0.0625, 0.5, 0.125, 0.0625, 0.0, 0.0, 0.125]
ROLES: Any = {"label_A": (0,), "option_A": (1,), "label_B": (2,), "option_B": (3, 4), "label_C": (5,), "option_C": (6,)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_model(str(write_choice(tmp_path_factory.mktemp("choice"))))


def rows() -> list[list[float]]:
    return [*np.eye(8)[:7].tolist(), ROW]


def test_a_row_is_split_into_the_correct_letter_the_others_and_contents():
    of = seen(rows(), Options(), correct_label=(2,), correct_option=(3, 4), **ROLES)
    assert by_place(Options(), of) == {"correct-letter": 0.5, "other-letters": 0.125, "contents": 0.25}
    other = seen(rows(), Options(), correct_label=(0,), correct_option=(1,), **ROLES)
    assert by_place(Options(), other) == {"correct-letter": 0.125, "other-letters": 0.5, "contents": 0.25}
    bare = seen(rows(), Options(), correct_label=(2,))
    assert by_place(Options(), bare) == {"correct-letter": 0.5, "other-letters": None, "contents": None}


def test_the_correct_letter_counts_where_it_is_correct():
    of = seen(rows(), CorrectLetter(), correct_label=(2,), **ROLES)
    together: dict[Profile, tuple[str, ...]] = {CorrectLetter(): ("label_A", "label_B")}
    of.places = together  # of a set of prompts in which both are
    assert by_place(CorrectLetter(), of) == {"label_A": None, "label_B": 0.5}


def test_one_head_looks_up_the_correct_letter_and_another_at_one_line(model: Any):
    prompts = choice_prompts()
    correct, options, to_right = measure_profiles(
        model, prompts, [CorrectLetter(), Options(), Attention(to="correct_label")]
    )
    assert correct.positions == ("label_A", "label_B", "label_C", "label_D")
    assert correct.measured.sum(axis=(1, 2)).tolist() == [4] * len(prompts)  # one place, of four heads
    means = dict(zip(HEADS, correct.means.T.tolist(), strict=True))
    assert means == {
        "a0.h0": [0, 0, 0, 0],
        "a0.h1": [0, 1, 0, 0],
        "a1.h0": [1, 1, 1, 1],
        "a1.h1": [1, 1, 1, 1],
    }
    looks = dict(zip(HEADS, options.means.T.tolist(), strict=True))
    assert looks["a0.h0"] == [0, 0, 1]
    assert looks["a0.h1"] == [0.25, 0.75, 0]
    assert looks["a1.h1"] == [1, 0, 0]
    # Of a prompt, the number is that of plain attention to the correct letter.
    np.testing.assert_array_equal(correct.per_prompt.max(axis=1), to_right.per_prompt[:, 0])
    part = measure_profiles(model, prompts[:1], [CorrectLetter()], places={CorrectLetter(): correct.positions})[0]
    np.testing.assert_array_equal(part.per_prompt, correct.per_prompt[:1])


def test_without_the_head_that_copies_the_letter_the_answer_is_chance(model: Any):
    prompts = choice_prompts()
    edits = [{head: edit("all")} for edit in (KnockOut, Uniform) for head in HEADS]
    values = edit_values(model, prompts, edits, metric=METRICS["logit-difference"])
    plain, *without = values.metric
    np.testing.assert_array_equal(plain, 2)
    for lost in (dict(zip(HEADS, own, strict=True)) for own in (without[:4], without[4:])):
        for head in ("a0.h1", "a1.h0"):  # attends so, to no effect
            np.testing.assert_array_equal(lost[head], plain)
        for head in ("a0.h0", "a1.h1"):  # looks up the line; copies its letter
            np.testing.assert_allclose(lost[head], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("profile", "roles", "message"),
    [
        (CorrectLetter(), {"label_A": (0,)}, "has the role 'correct_label'"),
        (CorrectLetter(), {"label_A": (0,), "correct_label": (0,)}, "always label_A is where 'correct_label' is"),
        (CorrectLetter(), {"label_A": (0,), "correct_label": (1,)}, "none of them is where"),
        (CorrectLetter(query="S"), {"label_A": (0,), "correct_label": (0,)}, "has the role 'S'"),
        (Options(), {"label_A": (0,)}, "has the role 'correct_label'"),
    ],
)
def test_prompts_that_tell_nothing_are_refused_before_the_model_runs(
    profile: Any, roles: Any, message: str, model: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model.forward, "run", lambda *_, **__: pytest.fail("the model ran"))
    prompts = PromptSet("two", (Prompt((1, 2, 3), (1, 2, 4), (4,), roles=roles),) * 2)
    with pytest.raises(ValueError, match=message):
        measure_profiles(model, prompts, [profile])
