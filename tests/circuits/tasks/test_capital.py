"""Capital: the answer is the capital of the country, among the capitals of all others."""

from __future__ import annotations

import pytest

from circuits.tasks import capital
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_capital_and_the_wrong_ones_are_all_others(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build("capital", tokenizer):
        answer = capital.CAPITALS[word(tokenizer, prompt, "country")]
        assert said(tokenizer, prompt.answers) == [answer]
        assert sorted(said(tokenizer, prompt.wrong_answers)) == sorted(set(capital.CAPITALS.values()) - {answer})


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
