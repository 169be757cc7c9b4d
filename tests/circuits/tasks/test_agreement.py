"""Agreement: the verb follows the subject, whatever stands behind it."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.tasks import agreement
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


def is_plural(noun: str) -> bool:
    return noun not in agreement.NOUNS


@pytest.mark.parametrize("corruption", agreement.Agreement.corruptions)
def test_answers_are_verbs_of_the_subjects_number(tokenizer: Any, corruption: str) -> None:
    for prompt in build("agreement", tokenizer, corruption):
        verbs = said(tokenizer, prompt.answers), said(tokenizer, prompt.wrong_answers)
        singular, plural = ["is", "was", "has"], ["are", "were", "have"]
        assert verbs == ((plural, singular) if is_plural(word(tokenizer, prompt, "subject")) else (singular, plural))
        assert word(tokenizer, prompt, "END") == word(tokenizer, prompt, "distractor")


def test_number_changes_the_subject_alone_to_its_other_form(tokenizer: Any) -> None:
    for prompt in build("agreement", tokenizer, "number"):
        assert changed(prompt) == positions(prompt, "subject")
        one, other = word(tokenizer, prompt, "subject"), corrupt_word(tokenizer, prompt, "subject")
        assert sorted((one, other), key=len) == [min(one, other, key=len), f"{min(one, other, key=len)}s"]


def test_noun_takes_another_noun_in_the_other_number(tokenizer: Any) -> None:
    for prompt in build("agreement", tokenizer, "noun"):
        one, other = word(tokenizer, prompt, "subject"), corrupt_word(tokenizer, prompt, "subject")
        assert is_plural(one) != is_plural(other)
        assert one.rstrip("s") != other.rstrip("s")


def test_exchange_puts_the_distractor_first(tokenizer: Any) -> None:
    for prompt in build("agreement", tokenizer, "exchange"):
        assert corrupt_word(tokenizer, prompt, "subject") == word(tokenizer, prompt, "distractor")
        assert corrupt_word(tokenizer, prompt, "distractor") == word(tokenizer, prompt, "subject")
        assert sorted(prompt.clean) == sorted(prompt.corrupt)
        assert is_plural(word(tokenizer, prompt, "subject")) != is_plural(word(tokenizer, prompt, "distractor"))


def test_the_distractor_has_the_subjects_number_in_about_half_of_the_prompts() -> None:
    words = tokenizer_of("words")
    prompts = build("agreement", words, n=200)
    same = sum(is_plural(word(words, p, "subject")) == is_plural(word(words, p, "distractor")) for p in prompts)
    # 100 expected, standard deviation 7
    assert 70 < same < 130
