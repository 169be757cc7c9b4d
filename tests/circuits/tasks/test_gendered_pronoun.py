"""Gendered pronoun: the answer has the gender of the name."""

from __future__ import annotations

from circuits.tasks import gendered_pronoun as gp
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


def test_no_name_is_of_two_lists() -> None:
    names = [*gp.HE_NAMES, *gp.SHE_NAMES, *gp.EITHER_NAMES]
    assert len(set(names)) == len(names)


def test_the_answer_is_the_pronoun_of_the_name() -> None:
    for kind in KINDS:
        tokenizer = tokenizer_of(kind)
        for prompt in build("gendered-pronoun", tokenizer):
            is_he = word(tokenizer, prompt, "name") in gp.HE_NAMES
            assert is_he or word(tokenizer, prompt, "name") in gp.SHE_NAMES
            pronouns = [said(tokenizer, tokens) for tokens in (prompt.answers, prompt.wrong_answers)]
            assert pronouns == ([["he"], ["she"]] if is_he else [["she"], ["he"]])


def test_corruptions_change_the_name_alone_to_one_of_the_list_they_say() -> None:
    tokenizer = tokenizer_of("words")
    for prompt in build("gendered-pronoun", tokenizer, "gender"):
        assert changed(prompt) == positions(prompt, "name")
        names = {word(tokenizer, prompt, "name"), corrupt_word(tokenizer, prompt, "name")}
        assert len(names & set(gp.HE_NAMES)) == len(names & set(gp.SHE_NAMES)) == 1
    for prompt in build("gendered-pronoun", tokenizer, "either"):
        assert changed(prompt) == positions(prompt, "name")
        assert corrupt_word(tokenizer, prompt, "name") in gp.EITHER_NAMES
