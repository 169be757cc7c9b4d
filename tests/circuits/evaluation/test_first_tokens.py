"""What a model says first after both sides of prompts is what its whole runs say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from circuits import TASKS
from circuits.data.prompts import PromptSet
from circuits.evaluation.first_tokens import FirstToken, first_tokens
from circuits.model.original import own_logits
from circuits.model.steps import watched_by, whole
from tests.bundled import bundled


def test_both_sides_say_what_the_model_itself_says():
    model = bundled("reference")
    prompts = TASKS["ioi"]().build(model.tokenizer, n=12, seed=1)
    # One that is the same on both sides stands among the others.
    alike = replace(prompts.prompts[3], corrupt=prompts.prompts[3].clean)
    prompts = PromptSet("ioi", (*prompts.prompts[:3], alike, *prompts.prompts[4:]))
    for prompt, said in zip(prompts, first_tokens(model, prompts), strict=True):
        sides = ((prompt.clean, said.clean), (prompt.corrupt, said.corrupt))
        for ids, one in sides if prompt is not alike else sides[:1]:
            logits = own_logits(model.original, torch.tensor([ids]))[0, prompt.answer_position]
            is_correct = bool(logits[list(prompt.answers)].max() > logits[list(prompt.wrong_answers)].max())
            chance = float(logits.softmax(-1).max())
            assert one == FirstToken(int(logits.argmax()), pytest.approx(chance, abs=1e-5), is_correct)
    assert first_tokens(model, prompts)[3].corrupt is None


def test_how_far_it_is_never_goes_back():
    class Noted(list[float]):
        reached, find, keep = list.append, staticmethod(lambda _: None), staticmethod(lambda *_: None)

    model, shares = bundled("reference"), Noted()
    prompts = TASKS["ioi"]().build(model.tokenizer, n=6).prompts
    alike = tuple(replace(prompt, corrupt=prompt.clean) for prompt in prompts)
    with watched_by(shares), whole():
        first_tokens(model, PromptSet("ioi", (*prompts, *alike)))
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 < shares[1] < 0.8
    assert shares[-1] == pytest.approx(1)
