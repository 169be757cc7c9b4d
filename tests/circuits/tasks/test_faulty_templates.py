"""Templates with several faults: all are said, whichever they are, and what is sound beside them is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from circuits.tasks import from_template
from circuits.tasks.from_template import read_template
from tests.circuits.tasks.tokenizers import tokenizer_of

SOUND: dict[str, Any] = {
    "templates": ["The {noun:S} near the {noun.singular:A} was in the {place}", "A {noun:S} and the {noun:A}"],
    "words": {
        "noun": [{"singular": noun, "plural": f"{noun}s"} for noun in ("key", "car", "boy", "girl", "dog", "cat")],
        "place": {"home": ["store", "school"], "away": ["park", "museum"]},
        "other": ["book", "garden"],
    },
    "corrupt": {"S": "another kind"},
    "answers": {"S": {"singular": " is", "plural": " are"}},
}
# Where a fault is put, and what then stands there.
FAULTS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "a list that is not known, in the first sentence": (("templates", 0), "The {nuon:S} near the {noun:A}"),
    "a list that is not known, in the second sentence": (("templates", 1), "A {nuon:S} and the {noun:A}"),
    "another list of the same slot": (("templates", 0), "The {place:S} near the {noun:A}"),
    "a list without kinds in the second sentence": (("templates", 1), "A {other:S} and the {noun:A}"),
    "a sentence without the slot": (("templates", 1), "A {place:P} and the {noun:A}"),
    "a kind of a slot that is not known": (("templates", 1), "A {noun.dual:S} and the {noun:A}"),
    "a slot that is there twice": (("templates", 0), "The {noun:S} near the {noun:S} and the {noun:A}"),
    "a slot that repeats itself": (("templates", 0), "The {S:S} near the {noun:A}"),
    "a kind of what repeats a slot": (("templates", 0), "The {noun:S} near the {noun:A} and {S.plural:T}"),
    "a brace that is not closed": (("templates", 0), "The {noun:S"),
    "no slot": (("templates", 1), "A key"),
    "no text": (("templates", 1), 5),
    "no sentences": (("templates",), []),
    "a word twice": (("words", "place"), ["store", "store"]),
    "a word that is no text": (("words", "noun", 2), {"singular": True, "plural": "boys"}),
    "a word without its other kind": (("words", "noun", 2), {"singular": "boy"}),
    "a word that the tokenizer does not know": (("words", "noun", 2), {"singular": "zqxjkv", "plural": "boys"}),
    "no words": (("words", "noun"), []),
    "words without kinds": (("words", "noun"), ["key", "car", "boy", "girl"]),
    "a list that has no name": (("words", "no un"), ["key"]),
    "no lists": (("words",), "noun"),
    "a rule that is not known": (("corrupt", "S"), "anther kind"),
    "a rule that is no text": (("corrupt", "S"), ["another kind"]),
    "a rule of a slot that is not known": (("corrupt", "T"), "another word"),
    "its own word": (("corrupt", "S"), "S"),
    "a word of another list": (("corrupt", "S"), "place"),
    "the word of another slot": (("corrupt", "S"), "A"),
    "no rules": (("corrupt",), {}),
    "a kind that the list lacks": (("answers", "S"), {"singular": " is", "plurals": " are"}),
    "a kind that is no text": (("answers", "S"), {True: " is", "plural": " are"}),
    "a kind without an answer": (("answers", "S"), {"singular": " is"}),
    "answers of a slot that is not known": (("answers",), {"T": {"singular": " is", "plural": " are"}}),
    "answers of a slot of some sentences": (("answers",), {"place": {"home": " is", "away": " are"}}),
    "an answer with a kind that is not known": (("answers",), " {S.dual}"),
    "an answer with a slot that is not known": (("answers",), [" {T}"]),
    "an answer with a list": (("answers",), " {noun:S}"),
    "an answer that is the word": (("answers",), " {S.singular}"),
    "an answer that is no text": (("answers",), 5),
    "no answers": (("answers",), []),
    "wrong answers that are right": (("wrong_answers",), {"S": {"singular": " is", "plural": " are"}}),
    "wrong answers by other kinds": (("wrong_answers",), {"S": {"home": " is"}}),
    "wrong answers of another slot": (("wrong_answers",), {"A": {"singular": " are", "plural": " is"}}),
    "a line that is misspelt": (("leave_out",), "uneqal"),
    "halves that are misspelt": (("halves",), "part"),
    "a key that is not known": (("template",), "A {noun:S}"),
}


def with_faults(*names: str) -> dict[str, Any]:
    """The template with some faults; one that has no place beside another is left out."""
    said = deepcopy(SOUND)
    for (*path, last), value in (FAULTS[name] for name in names):
        holder: Any = said
        for key in path:
            holder = holder[key] if isinstance(holder, list) or key in holder else {}
        if isinstance(holder, dict) or (isinstance(holder, list) and last in range(len(holder))):
            holder[last] = value
    return said


def told(said: Mapping[str, Any], folder: Path) -> str:
    """What is said of a template with a tokenizer at hand; nothing where it is good."""
    path = folder / "own.yaml"
    path.write_text(json.dumps(said))
    tokenizer = tokenizer_of("words")
    try:
        read_template(path, tokenizer=tokenizer).build_at_most(tokenizer, n=4)
    except ValueError as error:
        return str(error)
    return ""


def test_two_faults_of_any_kind_are_said_and_nothing_else_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_template, "_N_TRIED", 20)  # a crash shows in the first few, and there are 1,000 pairs
    assert told(SOUND, tmp_path) == ""
    alone = {name: told(with_faults(name), tmp_path) for name in FAULTS}
    for names in combinations(FAULTS, 2):
        both = told(with_faults(*names), tmp_path)
        assert both or not all(alone[name] for name in names), names


def test_an_answer_is_checked_by_the_words_that_are_known(tmp_path: Path) -> None:
    """Also where the first sentence takes a list that is not known."""
    said = told(with_faults("a list that is not known, in the first sentence", "a kind that the list lacks"), tmp_path)
    assert "no list of words or slot 'nuon'" in said
    assert "no kind of the words 'noun' 'plurals'. Known: plural, singular. Did you mean 'plural'?" in said
