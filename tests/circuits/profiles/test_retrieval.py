"""Retrieval heads: cases worked out by hand, a model made by hand, and what is not counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import load_model
from circuits.profiles import Retrieval, RetrievalFrequency, measure_profiles
from circuits.profiles.base import STEPS, LayerSeen, continued
from circuits.tasks import TASKS
from tests.bundled import bundled
from tests.circuits.hand_models import induction_prompts, write_induction

NEEDLE = (5, 6, 7, 8)
A, B, C, D, X = 11, 12, 13, 14, 99


def trial(*steps: tuple[int, int]) -> LayerSeen:
    """A needle a b c d at 5 .. 8 of a prompt of 10 tokens, and steps at which one head attends to a position while the
    model says a token."""
    said = [token for _, token in steps]
    tokens = (1, 2, 3, 4, 5, A, B, C, D, X, *said[:-1])
    at = tuple(range(9, 9 + len(steps)))
    prompt = Prompt(tokens, tokens, (said[-1],), roles={"needle": NEEDLE, STEPS: at})
    pattern = torch.zeros(1, 1, len(tokens), len(tokens))
    pattern[..., 0] = 0.1
    for query, (key, _) in zip(at, steps, strict=True):
        pattern[0, 0, query, key] = 0.9
    batch: Any = SimpleNamespace(
        prompts=(prompt,), clean=torch.tensor([tokens]), answer_positions=torch.tensor([len(tokens) - 1])
    )
    nothing = torch.zeros(1, len(tokens), 1, 2)
    return LayerSeen(
        SimpleNamespace(),  # pyright: ignore[reportArgumentType]
        batch,
        0,
        {},
        pattern=pattern,
        visible=torch.ones_like(pattern[0], dtype=torch.bool).tril(),
        value=nothing.transpose(1, 2),
        z=nothing,
        residual=nothing[:, :, 0],
    )


def scores(seen: LayerSeen) -> tuple[float, float, float]:
    """The set version, the count version, and whether the head is active."""
    return tuple(  # pyright: ignore[reportReturnType]
        float(profile.read(seen).values) for profile in (Retrieval(), Retrieval(count=True), RetrievalFrequency())
    )


def test_the_case_by_hand():
    four = ((5, A), (6, B), (9, C), (8, X))
    assert scores(trial(*four)) == (0.5, 0.5, 1)
    assert scores(trial(*four, (5, A))) == (0.5, 0.75, 1)
    # One place late: it attends to the token before the one that is said.
    assert scores(trial((4, A), (5, B), (6, C), (7, D))) == (0, 0, 0)
    assert scores(trial((5, A), (6, B), (7, C), (8, D))) == (1, 1, 1)


def test_prompts_are_continued_by_their_first_answer():
    prompts = PromptSet("t", (Prompt((1, 2, 3), (1, 9, 3), ((4, 5, 6),), ((7, 8, 9),), roles={"needle": (1,)}),))
    (prompt,) = continued(prompts)
    assert (prompt.clean, prompt.corrupt, prompt.answers) == ((1, 2, 3, 4, 5), (1, 9, 3, 4, 5), (6,))
    assert (prompt.roles[STEPS], prompt.roles["END"], prompt.roles["needle"]) == ((2, 3, 4), (4,), (1,))


@pytest.fixture(scope="module")
def induction(tmp_path_factory):
    return load_model(str(write_induction(tmp_path_factory.mktemp("model"))))


def test_in_a_model_made_by_hand_the_induction_head_alone_retrieves(induction):
    prompts = induction_prompts(8)
    spans = tuple(
        Prompt(p.clean, p.corrupt, p.answers, p.wrong_answers, roles={"needle": (p.clean.index(p.answers[0]),)})
        for p in prompts
    )
    found, active = measure_profiles(induction, PromptSet("copied", spans), [Retrieval(), RetrievalFrequency()])
    assert found.measured.all()
    by_head = {str(part): float(mean) for part, mean in zip(found.components, found.means[0], strict=True)}
    assert by_head.pop("a1.h1") == 1
    # The previous-token head copies where the answer happens to stand just before the end: in one of eight prompts.
    assert by_head == {"a0.h0": 1 / 8, "a0.h1": 0, "a1.h0": 0}
    np.testing.assert_array_equal(active.per_prompt, found.per_prompt)


def test_on_the_bundled_model_a_layer_of_heads_retrieves_and_what_goes_wrong_is_not_counted():
    model = bundled("reference")
    prompts = TASKS["needle"]().build(model.tokenizer, n=48)
    found, active = measure_profiles(model, prompts, [Retrieval(), RetrievalFrequency()])
    counted = found.measured[:, 0, 0]
    assert 8 < counted.sum() < 40
    for number in np.flatnonzero(counted)[:4]:
        prompt, answer = prompts.prompts[number], prompts.prompts[number].answers[0]
        said: list[int] = []
        while len(said) < len(answer):
            ids = torch.tensor([[*prompt.clean, *said]])
            said.append(int(model.bridge(ids)[0, -1].argmax()))
        assert tuple(said) == answer
    by_layer = found.per_prompt[counted][:, 0].mean(axis=0).reshape(4, 4)
    assert by_layer[1].min() > 0.9
    assert by_layer[0].max() < 0.2
    assert by_layer[3].max() < 0.05
    often = active.per_prompt[counted][:, 0].mean(axis=0).reshape(4, 4)
    assert 0.2 < often[2, 1:3].max() < 0.9  # heads that retrieve in some contexts alone


def test_prompts_without_a_needle_are_refused(induction):
    with pytest.raises(ValueError, match=r"no prompt of .* has the role 'needle'"):
        measure_profiles(induction, induction_prompts(2), [Retrieval()])
