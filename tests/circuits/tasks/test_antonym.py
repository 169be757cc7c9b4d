"""Antonym: three examples of opposites, and the opposite of the word asked about."""

from __future__ import annotations

import pytest

from circuits.tasks import antonym
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

OPPOSITE = {a: b for pair in antonym.PAIRS for a, b in (pair, pair[::-1])}


def test_no_word_is_of_two_pairs() -> None:
    assert len(OPPOSITE) == 2 * len(antonym.PAIRS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_opposite_and_the_wrong_ones_are_the_word_and_the_examples(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build("antonym", tokenizer):
        query = word(tokenizer, prompt, "query")
        examples = [(word(tokenizer, prompt, f"given_{n}"), word(tokenizer, prompt, f"said_{n}")) for n in (1, 2, 3)]
        assert all(OPPOSITE[given] == shown for given, shown in examples)
        assert said(tokenizer, prompt.answers) == [OPPOSITE[query]]
        assert said(tokenizer, prompt.wrong_answers) == [query, *(shown for _, shown in examples)]


def test_corruptions_change_the_query_or_what_the_examples_say() -> None:
    tokenizer = tokenizer_of("words")
    shown = ("said_1", "said_2", "said_3")
    for prompt in build("antonym", tokenizer, "word"):
        assert changed(prompt) == positions(prompt, "query")
        assert corrupt_word(tokenizer, prompt, "query") in OPPOSITE
    for prompt in build("antonym", tokenizer, "repeat"):
        assert changed(prompt) == positions(prompt, *shown)
        assert corrupt_word(tokenizer, prompt, "said_2") == word(tokenizer, prompt, "given_2")
    for prompt in build("antonym", tokenizer, "examples"):
        assert changed(prompt) == positions(prompt, *shown)
        for n in (1, 2, 3):
            given, new = word(tokenizer, prompt, f"given_{n}"), corrupt_word(tokenizer, prompt, f"said_{n}")
            assert new not in (given, OPPOSITE[given])
            assert new != said(tokenizer, prompt.answers)[0]
