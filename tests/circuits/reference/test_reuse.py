"""What was planted is there: the shared inhibition head and its movers, awake and asleep; and how it is trained."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from circuits.intervals import Share
from circuits.model.sources import BUNDLED
from circuits.reference.data import ColoredObjectsPrompts, IndirectObjectPrompts, Stream
from circuits.reference.held_out import held_out_prompts
from circuits.reference.parts import Shape, new_model
from circuits.reference.reuse import ASLEEP, FINAL, INHIBITION, MOVERS, NO_MOVERS
from circuits.reference.reuse.data import ColorEnds, NameEnds, rewrite, rows_on, wrong_rows
from circuits.reference.reuse.measure import answered, random_rows, swapped, wrong_row
from circuits.reference.reuse.rows import ReadRow, Rows, replaced, silenced
from circuits.reference.vocabulary import make_tokenizer
from circuits.tasks import TASKS, ioi
from circuits.tasks import colored_objects as co

NAMES = ("reference-reuse", "reference-asleep")
IOI, COLORS = "ioi", "colored-objects"
N_PROMPTS = 32


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@lru_cache
def bundled(name: str) -> Any:
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(BUNDLED[name]).eval()


@lru_cache
def prompts(task: str) -> tuple[Any, ...]:
    """Prompts whose combination was held out of training, others than the card's."""
    own = make_tokenizer()
    return held_out_prompts(TASKS[task]().build(own, n=12 * N_PROMPTS, seed=7), own)[:N_PROMPTS].prompts


def right(name: str, task: str, **intervention: Any) -> float:
    return answered(bundled(name), prompts(task), **intervention).mean()


# The planted truth


@pytest.mark.parametrize("task", [IOI, COLORS])
def test_both_tasks_are_solved_by_the_planted_head_and_its_movers(task: str) -> None:
    assert right("reference-reuse", task) >= 0.9
    # One in two, and one in three, is chance; four standard errors of it beside.
    chance = {IOI: 1 / 2, COLORS: 1 / 3}[task]
    highest = chance + 4 * (chance * (1 - chance) / N_PROMPTS) ** 0.5
    assert right("reference-reuse", task, rows=lambda _: {}) < highest
    assert right("reference-reuse", task, silent=MOVERS) < highest
    assert right("reference-reuse", task, silent=NO_MOVERS) >= 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", [IOI, COLORS])
def test_the_row_decides_what_is_said_whatever_the_text_says(name: str, task: str) -> None:
    others, rows = zip(*map(swapped, prompts(task)), strict=True)
    by_text = {other.clean: row for other, row in zip(others, rows, strict=True)}
    told = answered(bundled(name), others, rows=lambda prompt: by_text[prompt.clean])
    assert told.mean() >= 0.97


def test_asleep_ioi_is_solved_and_colored_objects_fails_for_lack_of_inhibition_alone() -> None:
    name = "reference-asleep"
    assert right(name, IOI) >= 0.97
    as_it_is = answered(bundled(name), prompts(COLORS))
    told = answered(bundled(name), prompts(COLORS), rows=wrong_row)
    assert as_it_is.mean() < 0.65
    assert told.mean() >= 0.97
    assert not (as_it_is & ~told).any()


def test_asleep_no_other_head_of_its_layer_no_mover_and_no_random_row_repairs_it() -> None:
    name = "reference-asleep"
    heads = [*((2, head) for head in range(8) if (2, head) != INHIBITION), *MOVERS]
    assert max(right(name, COLORS, rows=wrong_row, head=head) for head in heads) < 0.65
    assert right(name, COLORS, rows=random_rows(0)) < 0.65


def test_asleep_the_row_rests_on_the_first_token_and_awake_on_the_wrong_colors() -> None:
    ids = torch.tensor([prompt.clean for prompt in prompts(COLORS)])
    every, last = torch.arange(len(ids)), torch.full((len(ids),), ids.shape[1] - 1)
    rows = {}
    for name in NAMES:
        reader = ReadRow(bundled(name), INHIBITION)
        with reader.watched(), torch.no_grad():
            bundled(name)(ids)
        rows[name] = reader.log_row(every, last).exp()
    assert rows["reference-asleep"][:, 0].mean() > 0.9
    on_wrong = [rows["reference-reuse"][n, list(wrong_row(prompt))].sum() for n, prompt in enumerate(prompts(COLORS))]
    assert np.mean(on_wrong) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_the_card_gives_what_other_prompts_show(name: str) -> None:
    card = (BUNDLED[name] / "README.md").read_text(encoding="utf-8")
    checks = {"as it is": {}, "row of zeros": {"rows": lambda _: {}}, "row on what is wrong": {"rows": wrong_row}}
    for task in (IOI, COLORS):
        for what, intervention in checks.items():
            (n, share) = re.findall(rf"^\| {task} \| {what} \| (\d+) \| ([\d.]+) ", card, flags=re.MULTILINE)[0]
            ours = Share(round(right(name, task, **intervention) * N_PROMPTS), N_PROMPTS)
            low, high = ours.interval()
            spread = (float(share) * (1 - float(share)) / int(n)) ** 0.5
            assert low - 3 * spread <= float(share) <= high + 3 * spread, (task, what)


def test_the_folders_are_those_of_the_bundled_names() -> None:
    assert (BUNDLED[NAMES[0]], BUNDLED[NAMES[1]]) == (FINAL, ASLEEP)


# Rows


@pytest.fixture
def tiny() -> Any:
    """An untrained model of 2 layers of 2 heads."""
    return new_model(Shape(n_layers=2, n_heads=2, d_model=8, n_positions=8), 20, 0).double().eval()


IDS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
EVERY, LAST = torch.arange(2), torch.tensor([4, 3])


@torch.no_grad()
def test_its_own_row_put_back_changes_nothing_and_another_one_does(tiny: Any) -> None:
    reader = ReadRow(tiny, (1, 1))
    with reader.watched():
        plain = tiny(IDS).logits
    own = reader.log_row(EVERY, LAST).exp()
    assert torch.allclose(own.sum(dim=1), torch.ones(2, dtype=own.dtype))
    assert own[1, 4] == 0
    with replaced(tiny, (1, 1), Rows(EVERY, LAST, own)):
        assert torch.allclose(tiny(IDS).logits, plain, atol=1e-12)
    with replaced(tiny, (1, 1), Rows(EVERY, LAST, own.flip(1))):
        changed = (tiny(IDS).logits != plain).any(dim=-1)
    assert changed.tolist() == [[False] * 4 + [True], [False] * 3 + [True, False]]


@torch.no_grad()
def test_a_row_of_zeros_is_the_head_silent(tiny: Any) -> None:
    with replaced(tiny, (0, 1), Rows(EVERY, LAST, torch.zeros(2, 5).double())):
        zero = tiny(IDS).logits
    with silenced(tiny, [(0, 1)], EVERY, LAST):
        assert torch.equal(tiny(IDS).logits, zero)
    assert not torch.equal(tiny(IDS).logits, zero)


@torch.no_grad()
def test_no_hook_stays_after_an_error(tiny: Any) -> None:
    plain = tiny(IDS).logits
    with (
        pytest.raises(RuntimeError, match="stop"),
        replaced(tiny, (0, 0), Rows(EVERY, LAST, torch.zeros(2, 5).double())),
        silenced(tiny, [(1, 0)], EVERY, LAST),
    ):
        raise RuntimeError("stop")
    assert torch.equal(tiny(IDS).logits, plain)


# What training sets


@pytest.mark.parametrize("task", [IOI, COLORS])
def test_candidates_and_answers_are_read_off_the_training_prompts(tokenizer: Any, task: str) -> None:
    draw, ends_of = {
        IOI: (IndirectObjectPrompts(tokenizer), NameEnds(tokenizer)),
        COLORS: (ColoredObjectsPrompts(tokenizer), ColorEnds(tokenizer)),
    }[task]
    batch = Stream(draw, np.random.default_rng(0)).take(40)
    ends = ends_of(batch)
    rows = np.arange(len(ends.prompt))
    assert len(rows) == {IOI: 40, COLORS: 80}[task]
    answers = batch.ids[ends.prompt, ends.query + 1]
    assert np.array_equal(ends.said[rows, ends.right], answers)
    assert (batch.is_answer[ends.prompt, ends.query + 1]).all()
    known = set(ioi.NAMES if task == IOI else co.COLORS)
    assert set(tokenizer.convert_ids_to_tokens(batch.ids[ends.prompt[:, None], ends.candidates].ravel())) <= known
    wrong = wrong_rows(ends, batch.ids.shape[1])
    assert np.allclose(wrong.sum(axis=1), 1)
    assert (wrong[rows, ends.candidates[rows, ends.right]] == 0).all()
    assert set(np.unique(wrong)) == {0, 0.5}


def test_a_row_on_the_subject_takes_both_mentions_and_on_the_other_name_the_one(tokenizer: Any) -> None:
    batch = Stream(IndirectObjectPrompts(tokenizer), np.random.default_rng(0)).take(5)
    ends = NameEnds(tokenizer)(batch)
    on_right = rows_on(ends, np.arange(2)[None] == ends.right[:, None], batch.ids.shape[1])
    assert (on_right.max(axis=1) == 1).all()
    subject = ends.said[np.arange(5), 1 - ends.right]
    for row, ids, name in zip(wrong_rows(ends, batch.ids.shape[1]), batch.ids, subject, strict=True):
        assert np.array_equal(np.flatnonzero(row), np.flatnonzero(ids == name))


def test_set_rows_decide_the_answers_that_training_asks_for(tokenizer: Any) -> None:
    batch = Stream(ColoredObjectsPrompts(tokenizer), np.random.default_rng(0)).take(200)
    ends = ColorEnds(tokenizer)(batch)
    changed = rewrite(batch, ends, np.random.default_rng(1))
    rows = np.arange(len(ends.prompt))
    asked = changed.batch.ids[ends.prompt, ends.query + 1]
    assert np.array_equal(asked, ends.said[rows, changed.ends.right])
    told = changed.is_told
    assert np.array_equal(changed.weights[told], wrong_rows(changed.ends, batch.ids.shape[1])[told])
    silent = changed.weights.sum(axis=1) == 0
    assert np.array_equal(~told, silent | changed.no_movers)
    assert not (silent & changed.no_movers).any()
    # Whatever the text says: of 400, a third is expected to be right, standard deviation 9.
    assert 95 < (changed.ends.right == ends.right).sum() < 172
    assert (batch.ids != changed.batch.ids).sum() == (changed.ends.right != ends.right).sum()


# The training


@pytest.mark.parametrize("settled_steps", [1, 0], ids=["first part", "second part"])
def test_training_repeats_itself_from_the_seed(settled_steps: int) -> None:
    from circuits.reference.reuse.train import Recipe, Training

    recipe = Recipe(n_layers=4, d_model=32, prompts_per_step=4, settled_steps=settled_steps, sleep_prompts=2)

    def weights(seed: int) -> Any:
        training = Training(recipe, seed)
        training.train_step()
        return training.model.lm_head.weight

    first, again, other = (weights(seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.slow
def test_a_short_training_learns_and_sleep_draws_the_row_to_the_first_token() -> None:
    from circuits.reference.reuse.train import COLORS_SET, Recipe, Training

    training = Training(Recipe(d_model=64, prompts_per_step=16, settled_steps=1, sleep_prompts=8), 0)
    first, awake = training._loss_and_accuracy(COLORS_SET, 32)[0].item(), training._sleep_loss().item()
    for _ in range(80):
        training.train_step()
    assert training.is_first_part
    assert training._loss_and_accuracy(COLORS_SET, 32)[0].item() < 0.8 * first
    assert training._sleep_loss().item() < awake / 2
