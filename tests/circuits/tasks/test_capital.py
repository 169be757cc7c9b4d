"""Capital: the answer is the capital of the country, among the capitals of all others."""

from __future__ import annotations

import pytest

from circuits.tasks import capital
from circuits.tasks.base import words_in_tokens
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_capital_and_the_wrong_ones_are_all_others(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build("capital", tokenizer):
        answer = capital.CAPITALS[word(tokenizer, prompt, "country")]
        assert said(tokenizer, prompt.answers) == [answer]
        assert sorted(said(tokenizer, prompt.wrong_answers)) == sorted(set(capital.CAPITALS.values()) - {answer})


def test_long_answers_are_capitals_of_any_length_and_one_wrong_one() -> None:
    tokenizer = tokenizer_of("bytes")
    cut = {"Paris": "Parisqx", "Rome": "Romeqx"}
    longer = {country: cut.get(city, city) for country, city in capital.CAPITALS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capital, "CAPITALS", longer)
        prompts = capital.Capital(long_answers=True).build(tokenizer, n=120)
        usual = capital.Capital().build(tokenizer, n=120)
    assert not any(prompt.has_long_answers for prompt in usual)
    long = [prompt for prompt in prompts if isinstance(prompt.answers[0], tuple)]
    assert {tokenizer.decode(prompt.answers[0]) for prompt in long} == {" Parisqx", " Romeqx"}
    for prompt in prompts:
        assert len(prompt.wrong_answers) == 1
        country = word(tokenizer, prompt, "country")
        answer = prompt.answers[0] if isinstance(prompt.answers[0], tuple) else prompt.answers
        assert tokenizer.decode(answer) == f" {longer[country]}"


def test_words_that_begin_others_are_no_answers_beside_them() -> None:
    kept = words_in_tokens(("Mary", "Mary John", "John", "qqq"), tokenizer_of("words"), "names", at_least=1)
    assert list(kept) == ["Mary John", "John"]
    with pytest.raises(ValueError, match=r"needs at least 2 names that it knows, found 1. Not: 'qqq'"):
        words_in_tokens(("Mary", "qqq"), tokenizer_of("words"), "names", at_least=2)


def test_corruptions_change_the_role_they_say() -> None:
    tokenizer = tokenizer_of("words")
    changes = {
        "country": ("country", set(capital.CAPITALS)),
        "relation": ("relation", set(capital.OTHER_RELATIONS)),
        "no-country": ("country", set(capital.NOT_COUNTRIES)),
    }
    assert set(changes) == set(capital.Capital.corruptions)
    for corruption, (role, pool) in changes.items():
        for prompt in build("capital", tokenizer, corruption):
            assert changed(prompt) == positions(prompt, role)
            assert corrupt_word(tokenizer, prompt, role) in pool
            assert word(tokenizer, prompt, "relation") == "capital"
