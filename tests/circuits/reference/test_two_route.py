"""The control of two routes: its tasks, what it does without, and how it is trained."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from circuits.model.sources import BUNDLED
from circuits.reference.held_out import is_held_out
from circuits.reference.parts import Shape, new_model
from circuits.reference.two_route import MODEL
from circuits.reference.two_route.ablated import ATTENTION, MLPS, ablated, mean_outputs
from circuits.reference.two_route.data import Draws, make_tokenizer
from circuits.reference.two_route.measure import BOTH, held_out, measure_routes
from circuits.tasks import TASKS
from circuits.tasks.two_route import LEARNED, NEARBY, WORDS, pairs


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@lru_cache
def measured() -> dict[tuple[str, str], float]:
    from transformers import GPT2LMHeadModel

    model, own = GPT2LMHeadModel.from_pretrained(MODEL).eval(), make_tokenizer()
    checks = measure_routes(model, [held_out(task, own, n_drawn=800) for task in BOTH])
    return {(check.task, check.what): check.share.value for check in checks}


@pytest.mark.parametrize("how", ["zero", "at their mean"])
def test_each_task_needs_the_part_that_the_other_does_without(how: str) -> None:
    assert BUNDLED["two-route"] == MODEL
    for task, needed, spared in (
        ("two-route-nearby", "all heads", "all MLPs"),
        ("two-route-learned", "all MLPs", "all heads"),
    ):
        as_it_is = measured()[task, "as it is"]
        assert as_it_is >= 0.97
        assert as_it_is - measured()[task, f"{needed} {how}"] >= 0.5
        assert as_it_is - measured()[task, f"{spared} {how}"] <= 0.1


def test_the_card_gives_the_measured_shares() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    for (task, what), share in measured().items():
        (line,) = [line for line in card.splitlines() if line.startswith(f"| {task} | {what} |")]
        assert float(line.split("|")[4]) == pytest.approx(share, abs=0.02)


def test_every_word_has_one_partner_and_all_are_one_circle() -> None:
    partner = pairs()
    assert set(partner) == set(partner.values()) == set(WORDS)
    assert len(set(WORDS)) == 128
    seen, word = [], WORDS[0]
    while word not in seen:
        seen.append(word)
        word = partner[word]
    assert len(seen) == len(WORDS)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("corruption", ["query", "cue"])
def test_a_prompt_asks_for_what_its_cue_says(tokenizer: Any, name: str, corruption: str) -> None:
    def word(ids: tuple[int, ...]) -> str:
        return tokenizer.convert_ids_to_tokens(list(ids))[0]

    for prompt in TASKS[name](corruption=corruption).build(tokenizer, n=40):
        words = tokenizer.convert_ids_to_tokens(list(prompt.clean))
        changed = tokenizer.convert_ids_to_tokens(list(prompt.corrupt))
        first = prompt.roles["first"][0]
        follows, partner = words[first + 1], pairs()[words[-1]]
        assert words[0] == {"two-route-nearby": NEARBY, "two-route-learned": LEARNED}[name]
        assert words[first] == words[-1]
        assert prompt.roles["next"] == (first + 1,)
        asked = {NEARBY: follows, LEARNED: partner}
        other = LEARNED if words[0] == NEARBY else NEARBY
        assert (word(prompt.answers), word(prompt.wrong_answers)) == (asked[words[0]], asked[other])
        assert partner not in words
        if corruption == "cue":
            assert changed == [other, *words[1:]]
        else:
            assert changed[:-1] == words[:-1]
            assert changed[-1] in words[1:6]
            assert changed[-1] != words[-1]


def test_a_tokenizer_without_the_words_says_what_it_lacks() -> None:
    from circuits.reference.vocabulary import make_tokenizer as words_of_the_reference

    for name in BOTH:
        with pytest.raises(ValueError, match=rf"task '{name}' cannot be built.*at least 2 cues.*'nearby'"):
            TASKS[name]().build(words_of_the_reference(), n=1)


def test_training_never_has_held_out_neighbors_and_answers_by_the_rule(tokenizer: Any) -> None:
    draws = Draws(tokenizer, np.random.default_rng(0))
    for cue in (NEARBY, LEARNED):
        batch = draws.take(cue, 50)
        for ids, answer in zip(batch.ids.tolist(), batch.answers.tolist(), strict=True):
            head, *context, last = tokenizer.convert_ids_to_tokens(ids)
            assert head == cue
            assert not any(is_held_out(*pair) for pair in pairwise(context))
            asked = context[context.index(last) + 1] if cue == NEARBY else pairs()[last]
            assert tokenizer.convert_ids_to_tokens([answer]) == [asked]


@torch.no_grad()
def test_ablation_takes_the_layers_from_the_first_asked_on_and_leaves_no_trace() -> None:
    model = new_model(Shape(n_layers=3, n_heads=2, d_model=8, n_positions=8), 20, 0).eval()
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    plain = model(ids).logits
    for part in (ATTENTION, MLPS):
        with ablated(model, part):
            without = mean_outputs(model, part, ids)
            assert without[0].abs().sum() > 0
            assert without[1].abs().sum() == without[2].abs().sum() == 0
        means = mean_outputs(model, part, ids[:1])
        with ablated(model, part, means=means):
            # The mean over one prompt is its own value.
            assert torch.allclose(model(ids).logits[0], plain[0], atol=1e-6)
            assert not torch.allclose(model(ids).logits[1], plain[1], atol=1e-6)
    assert torch.equal(model(ids).logits, plain)


def test_training_repeats_itself_from_the_seed() -> None:
    from circuits.reference.two_route.train import Recipe, Training

    def weights(seed: int) -> Any:
        training = Training(Recipe(d_model=16, prompts_per_step=4), seed)
        training.train_step()
        return training.model.lm_head.weight

    first, again, other = (weights(seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.slow
def test_a_short_training_learns_both_rules() -> None:
    from circuits.reference.two_route.train import Recipe, Training

    training = Training(Recipe(steps=500, prompts_per_step=64), 0)
    training.run()
    assert min(training.train_step().values()) > 0.9
