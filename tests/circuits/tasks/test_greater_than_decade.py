"""Greater-Than by the decade digit: digits above the start decade are right, those below wrong."""

from __future__ import annotations

import pytest

from circuits.tasks import TASKS
from circuits.tasks.greater_than_decade import GreaterThanDecade
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, text_of, word
from tests.circuits.tasks.tokenizers import tokenizer_of


def test_answers_are_the_digits_above_the_decade_and_its_own_is_neither() -> None:
    tokenizer = tokenizer_of("digits")
    for prompt in build("greater-than-decade", tokenizer):
        decade = int(word(tokenizer, prompt, "Y"))
        assert [int(digit) for digit in said(tokenizer, prompt.answers)] == list(range(decade + 1, 10))
        assert [int(digit) for digit in said(tokenizer, prompt.wrong_answers)] == list(range(decade))
        assert 1 <= decade <= 8


def test_the_prompt_ends_with_the_century_that_it_began_with() -> None:
    tokenizer = tokenizer_of("digits")
    for prompt in build("greater-than-decade", tokenizer):
        assert word(tokenizer, prompt, "century") == word(tokenizer, prompt, "XX")
        assert text_of(tokenizer, list(prompt.clean)).endswith(word(tokenizer, prompt, "century"))
        assert word(tokenizer, prompt, "END") == word(tokenizer, prompt, "century")[-1]


def test_corruptions_change_the_digits_they_say() -> None:
    tokenizer = tokenizer_of("digits")
    for prompt in build("greater-than-decade", tokenizer, "start-0"):
        assert changed(prompt) == positions(prompt, "Y")
        assert corrupt_word(tokenizer, prompt, "Y") == "0"
    for prompt in build("greater-than-decade", tokenizer, "range"):
        assert changed(prompt) == positions(prompt, "END")
        assert int(corrupt_word(tokenizer, prompt, "century")) == int(word(tokenizer, prompt, "century")) - 1
    for prompt in build("greater-than-decade", tokenizer, "year"):
        assert changed(prompt) <= positions(prompt, "XX", "Y", "Z")
        assert corrupt_word(tokenizer, prompt, "XX") != word(tokenizer, prompt, "XX")


def test_each_of_the_two_tasks_about_years_names_the_other_where_it_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="choose task 'greater-than-decade'"):
        TASKS["greater-than"]().build(tokenizer_of("digits"), n=1)
    with pytest.raises(ValueError, match="choose task 'greater-than'"):
        GreaterThanDecade().build(tokenizer_of("bytes"), n=1)
