"""Successor: three items in a row, and the one after them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from circuits.tasks import TASKS, successor
from circuits.tasks.successor import Successor
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

NAMES = [name for name, task in TASKS.items() if issubclass(task, Successor)]


def task_of(name: str) -> type[Successor]:
    task = TASKS[name]
    assert issubclass(task, Successor)
    return task


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_follows_three_items_in_a_row(kind: str, name: str) -> None:
    tokenizer, items = tokenizer_of(kind), list(task_of(name).items)
    for prompt in build(name, tokenizer):
        indices = [items.index(word(tokenizer, prompt, role)) for role in successor.ITEMS]
        (answer,) = said(tokenizer, prompt.answers)
        steps = {(b - a) % len(items) for a, b in zip(indices, [*indices[1:], items.index(answer)], strict=True)}
        assert steps == {1}
        assert sorted(said(tokenizer, prompt.wrong_answers)) == sorted(set(items) - {answer})


def test_days_go_on_after_sunday_and_numbers_end_at_the_last() -> None:
    tokenizer = tokenizer_of("words")
    days = {word(tokenizer, prompt, "third") for prompt in build("successor-days", tokenizer, n=200)}
    numbers = {word(tokenizer, prompt, "first") for prompt in build("successor-numbers", tokenizer, n=300)}
    assert days == set(successor.DAYS)
    assert numbers == set(successor.NUMBERS[:-3])


@pytest.mark.parametrize("name", NAMES)
def test_corruptions_change_the_three_items_as_they_say(name: str) -> None:
    tokenizer, items = tokenizer_of("words"), list(task_of(name).items)
    for corruption in task_of(name).corruptions:
        for prompt in build(name, tokenizer, corruption, n=30):
            assert changed(prompt) <= positions(prompt, *successor.ITEMS)
            clean = [word(tokenizer, prompt, role) for role in successor.ITEMS]
            corrupt = [corrupt_word(tokenizer, prompt, role) for role in successor.ITEMS]
            a, b, c = (items.index(item) for item in corrupt)
            if corruption == "backward":
                assert corrupt == clean[::-1]
            elif corruption == "shift":
                assert ((b - a) % len(items), (c - b) % len(items)) == (1, 1)
                assert corrupt[0] != clean[0]
            else:
                assert not {(b - a) % len(items), (c - b) % len(items)} & {1, len(items) - 1}


def test_unordered_items_are_different_and_no_neighbors_in_a_circle() -> None:
    generator = random.Random(0)
    for _ in range(50):
        items = successor.unordered("ABCDEFG", generator)
        assert len(set(items)) == 3
        assert not {"".join(pair) for pair in pairwise(items)} & {"AB", "BA", "GA", "AG", "CD"}
