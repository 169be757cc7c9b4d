"""Labels and lines of multiple choice, and questions with their options in every order."""

from __future__ import annotations

from collections import Counter

import pytest

from circuits.tasks import TASKS
from circuits.tasks.capital import CAPITALS
from circuits.tasks.multiple_choice import LABELS, LETTERS, NUMERALS, OPTIONS, OTHER_LETTERS
from tests.circuits.tasks.reading import build, changed, corrupt_word, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

CHOICES = [name for name in TASKS if name.startswith("multiple-choice")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHOICES)
def test_the_answer_is_the_label_of_the_correct_line(kind: str, name: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build(name, tokenizer, "labels", n=12):
        table = {
            word(tokenizer, prompt, option): word(tokenizer, prompt, label)
            for option, label in zip(OPTIONS, LABELS, strict=True)
        }
        query = word(tokenizer, prompt, "query")
        correct = CAPITALS[query] if "capitals" in name else query
        assert said(tokenizer, prompt.answers) == [table[correct]] == [word(tokenizer, prompt, "correct_label")]
        assert sorted(said(tokenizer, prompt.answers + prompt.wrong_answers)) == sorted(table.values())
        assert word(tokenizer, prompt, "correct_option") == correct
        # Lines stay, two labels are exchanged: the label that was the answer is now another line's.
        assert len(changed(prompt)) == 2
        assert positions(prompt, "correct_label") <= changed(prompt) <= positions(prompt, *LABELS)
        assert corrupt_word(tokenizer, prompt, "correct_label") in set(table.values()) - {table[correct]}


def test_labels_are_those_that_the_name_says() -> None:
    tokenizer = tokenizer_of("words")

    def labels(name: str) -> set[tuple[str, ...]]:
        prompts = build(name, tokenizer, n=400)
        return {tuple(word(tokenizer, prompt, label) for label in LABELS) for prompt in prompts}

    assert labels("multiple-choice") == labels("multiple-choice-capitals") == {LETTERS}
    assert labels("multiple-choice-numerals") == {NUMERALS}
    assert len(labels("multiple-choice-shuffled")) == 24
    other = labels("multiple-choice-letters")
    assert {letter for own in other for letter in own} == set(OTHER_LETTERS)
    assert all(len(set(own)) == 4 for own in other)


def test_line_and_letter_are_independent_where_labels_are_shuffled() -> None:
    """Each of 16 pairs occurs 50 times of 800 on average, with a standard deviation of 7."""
    tokenizer, pairs = tokenizer_of("words"), Counter()
    for prompt in build("multiple-choice-shuffled", tokenizer, n=800):
        line = next(n for n, option in enumerate(OPTIONS) if prompt.roles[option] == prompt.roles["correct_option"])
        pairs[line, said(tokenizer, prompt.answers)[0]] += 1
    assert len(pairs) == 16
    assert all(20 < count < 80 for count in pairs.values())


@pytest.mark.parametrize(("name", "n_orders"), [*((name, 24) for name in CHOICES), ("colored-objects", 6)])
def test_a_question_in_every_order_asks_the_same(name: str, n_orders: int) -> None:
    tokenizer = tokenizer_of("words")
    for question in TASKS[name]().in_every_order(tokenizer, n=3, seed=1):
        prompts = question.prompts
        assert len(prompts) == len({prompt.clean for prompt in prompts}) == n_orders
        assert len({tuple(sorted(prompt.clean)) for prompt in prompts}) <= 2  # articles go with colors
        correct = "correct_color" if name == "colored-objects" else "correct_option"
        assert len({word(tokenizer, prompt, correct) for prompt in prompts}) == 1
        assert len({word(tokenizer, prompt, "query") for prompt in prompts}) == 1
        at = Counter(prompt.roles[correct] for prompt in prompts)
        if name != "colored-objects":
            assert sorted(at.values()) == [6] * 4  # each line is correct equally often, with each letter
            assert Counter(prompt.answers for prompt in prompts).total() == 24
            assert set(Counter(prompt.answers for prompt in prompts).values()) == {6}


def test_the_same_seed_gives_the_same_questions_and_tasks_without_options_say_so() -> None:
    tokenizer, task = tokenizer_of("words"), TASKS["multiple-choice"]()
    assert task.in_every_order(tokenizer, n=2) == task.in_every_order(tokenizer, n=4)[:2]
    with pytest.raises(ValueError, match="it has no options"):
        TASKS["ioi"]().in_every_order(tokenizer, n=1)
