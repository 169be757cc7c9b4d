"""Multiple choice, facts and boxes: the answer belongs to what the query repeats from the context."""

from __future__ import annotations

import pytest

from circuits.data.prompts import Prompt
from circuits.tasks import TASKS, boxes, facts, multiple_choice
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

# The roles of the keys that a query repeats, those of the values that answer, and the corruption that swaps two keys.
TABLES = {
    "facts": (facts.HELD, facts.PEOPLE, "things", "correct_thing"),
    "boxes": (boxes.BOXES, boxes.BOXED, "labels", "correct_label"),
    "multiple-choice": (multiple_choice.OPTIONS, multiple_choice.LETTERS, "options", "correct_option"),
}


def values_of(kind: str, name: str, prompt: Prompt) -> dict[str, str]:
    """What belongs to each key in the context."""
    keys, values, _, _ = TABLES[name]
    is_letters = name == "multiple-choice"
    shown = values if is_letters else [word(tokenizer_of(kind), prompt, role) for role in values]
    return dict(zip((word(tokenizer_of(kind), prompt, role) for role in keys), shown, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TABLES)
def test_the_answer_belongs_to_the_query_and_the_wrong_answers_to_the_others(kind: str, name: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build(name, tokenizer, n=20):
        table = values_of(kind, name, prompt)
        query = word(tokenizer, prompt, "query")
        assert len(table) == len(TABLES[name][0])
        assert said(tokenizer, prompt.answers) == [table[query]]
        assert said(tokenizer, prompt.wrong_answers) == [value for key, value in table.items() if key != query]
        assert word(tokenizer, prompt, TABLES[name][3]) == query
        assert prompt.roles[TABLES[name][3]] != prompt.roles["query"]


@pytest.mark.parametrize("name", TABLES)
def test_corruptions_ask_for_another_key_swap_two_or_ask_for_none(name: str) -> None:
    tokenizer = tokenizer_of("words")
    keys, _, swapped, correct = TABLES[name]
    assert set(TASKS[name].corruptions) >= {"query", swapped, "absent"}
    for prompt in build(name, tokenizer, "query", n=20):
        assert changed(prompt) == positions(prompt, "query")
        assert corrupt_word(tokenizer, prompt, "query") in values_of("words", name, prompt)
    for prompt in build(name, tokenizer, "absent", n=20):
        assert changed(prompt) == positions(prompt, "query")
        assert corrupt_word(tokenizer, prompt, "query") not in values_of("words", name, prompt)
    for prompt in build(name, tokenizer, swapped, n=20):
        assert len(changed(prompt)) == 2
        assert positions(prompt, correct) <= changed(prompt) <= positions(prompt, *keys)
        assert sorted(prompt.clean) == sorted(prompt.corrupt)


def test_a_fact_names_its_person() -> None:
    tokenizer = tokenizer_of("words")
    for prompt in build("facts", tokenizer, n=20):
        assert word(tokenizer, prompt, "correct_name") == said(tokenizer, prompt.answers)[0]
    for prompt in build("boxes", tokenizer, n=20):
        assert word(tokenizer, prompt, "correct_thing") == said(tokenizer, prompt.answers)[0]
