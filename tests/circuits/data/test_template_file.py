"""What a template may say, and what is said of one that does not fit together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from circuits.data.faults import faults_of
from circuits.data.template_file import read_template_file, template_from
from circuits.data.templates import Slot, Word

AGREEMENT: dict[str, Any] = {
    "templates": ["The {noun:S} near the {noun.singular:A}"],
    "words": {"noun": [{"singular": "key", "plural": "keys"}, {"singular": "car", "plural": "cars"}]},
    "corrupt": {"S": "another kind"},
    "answers": {"S": {"singular": " is", "plural": [" are", " were"]}},
}


def refusal(**changes: Any) -> str:
    with pytest.raises(ValueError, match=r".") as refused:
        template_from(AGREEMENT | changes, name="own")
    return str(refused.value)


def test_slots_words_and_kinds_are_read() -> None:
    template = template_from(AGREEMENT, name="own")
    (sentence,) = template.sentences
    assert sentence.text == "The {S} near the {A}"
    assert sentence.slots == {"S": Slot("noun"), "A": Slot("noun", "singular")}
    assert template.words["noun"] == (
        Word("key", "singular", 0),
        Word("keys", "plural", 0),
        Word("car", "singular", 1),
        Word("cars", "plural", 1),
    )
    assert template.answers.by_kind == {"singular": (" is",), "plural": (" are", " were")}


def test_a_slot_may_repeat_another_or_be_called_like_its_list_and_braces_be_written_twice() -> None:
    words = {"name": ["Anna", "Ben"], "place": {"home": ["house"], "away": ["park", "shop"]}}
    text = "{{{name:A}}} at the {place} saw {A:B}"
    said = {"templates": text, "words": words, "corrupt": {"B": "another word"}, "answers": [" {A}"]}
    (sentence,) = template_from(said, name="own").sentences
    assert sentence.text == "{{{A}}} at the {place} saw {B}"
    assert sentence.slots == {"A": Slot("name"), "place": Slot("place"), "B": Slot("name", None, "A")}
    assert [word.place for word in template_from(said, name="own").words["place"]] == [0, 1, 2]


def test_an_answer_may_be_a_word_or_its_other_kind() -> None:
    words = {"place": [{"country": "France", "capital": "Paris"}]}
    said = {
        "templates": "{place.country:C} has",
        "words": words,
        "corrupt": {"C": "another kind"},
        "answers": " {C.capital}",
    }
    template = template_from(said, name="own")
    (sentence,) = template.sentences
    chosen = {"C": Word("France", "country", 0)}
    assert template.texts(template.answers, sentence, chosen) == [" Paris"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"template": "x"},
            "no key of a template 'template'. Known: answers, comment, corrupt, halves, leave_out",
        ),
        ({"task": "ioi"}, "Is it a settings file? Give it with --config."),
        ({"templates": "The {nuon:S}"}, "no list of words or slot 'nuon'. Known: noun. Did you mean 'noun'?"),
        ({"templates": "The {noun.dual:S} {noun:A}"}, "no kind of the words 'noun' 'dual'. Known: plural, singular."),
        ({"templates": "The {noun:S} {noun:S}"}, "has slot 'S' twice"),
        ({"templates": "The {noun:END}"}, "a slot is called 'END'"),
        ({"templates": "The {noun:S} {noun:noun}"}, "'noun' is a list of words; call the slot something else"),
        ({"templates": "The {noun:S} {S.plural:T}"}, "repeats 'S', and has its kind"),
        ({"templates": "The {noun:S"}, "Write a slot as {noun:S}"),
        ({"templates": "The {noun!r:S}"}, "'!r' says nothing here"),
        ({"templates": "The key"}, "has no slot, such as {noun:S}"),
        ({"templates": []}, "'templates' is empty"),
        ({"templates": ["The {noun:S}", "A {noun:A}"]}, "no slot 'S'"),
        ({"words": {"noun": []}}, "'words.noun' is empty"),
        ({"words": {}}, "'words' is empty: give lists of words, such as noun: [key, car]."),
        ({"words": {"noun": ["key", "key"]}}, "'words.noun' holds 'key' twice"),
        (
            {"words": {"noun": ["key", {"Dr": "No"}, "lock", "door"]}},
            "'words.noun' holds {'Dr': 'No'}, expected a text. Put it in quotes: YAML reads a colon and a space",
        ),
        ({"words": {"noun": ["key", True]}}, "'words.noun' holds True, expected a text. Put it in quotes"),
        ({"words": {"no un": ["key"]}}, "'words' has the name 'no un'"),
        ({"words": ["key"]}, "'words' holds ['key'], expected keys with values, such as noun: [key, car]."),
        ({"corrupt": {}}, "'corrupt' is empty"),
        ({"corrupt": "S"}, "'corrupt' holds 'S', expected keys with values, such as S: another word."),
        ({"corrupt": {"T": "another word"}}, "corrupt: no slot 'T'. Known: A, S."),
        (
            {"corrupt": {"S": "other word"}},
            "'corrupt.S' holds 'other word', expected 'another word' (of the same list and kind), 'another kind' (the "
            "same word in it), 'another word of another kind' or 'A' (the word of that slot). Did you "
            "mean 'another word'?",
        ),
        ({"corrupt": {"S": ["another word"]}}, "'corrupt.S' holds ['another word'], expected 'another word'"),
        ({"corrupt": {"S": "S"}}, "S takes its own word, which changes nothing"),
        (
            {"templates": "The {noun:S} {noun:A} {S:S2}", "corrupt": {"S2": "S"}},
            "corrupt: S2 takes the word of S, which is its own: one repeats the other. Give another slot of 'noun', or "
            "'another word'.",
        ),
        ({"templates": "The {noun:S} {S:S2}", "corrupt": {"S": "S2"}}, "corrupt: S takes the word of S2, which is its"),
        (
            {"templates": "The {noun:S} {S:S2} {S:S3}", "corrupt": {"S2": "S3", "S3": "another word"}},
            "corrupt: S2 takes the word of S3, which is its own",
        ),
        ({"answers": {"S": {"singular": " is"}}}, "answers.S says nothing for the kind 'plural'"),
        ({"answers": {"S": {"singular": " is", "plurals": " are"}}}, "no kind of the words 'noun' 'plurals'"),
        ({"answers": " {T}"}, "answers: no slot 'T'"),
        ({"answers": " {S.dual}"}, "no kind of the words 'noun' 'dual'"),
        ({"answers": " {noun:S}"}, "write {SLOT} or {SLOT.kind}"),
        ({"answers": []}, "'answers' is empty"),
        (
            {"leave_out": "uneqal"},
            "'leave_out' holds 'uneqal', expected 'unequal' (words of another number of tokens than most of their "
            "list) or 'several tokens' (words of more than one token). Did you mean 'unequal'? Without the line, words "
            "that do not fit a model are refused by name.",
        ),
        ({"leave_out": True}, "'leave_out' holds True, expected 'unequal' (words of"),
        ({"leave_out": ["unequal"]}, "'leave_out' holds ['unequal'], expected 'unequal' (words of"),
        ({"halves": "Apart"}, "'halves' holds 'Apart', expected 'apart' (the prompts that choose a circuit and"),
        ({"halves": {"a": "b"}}, "'halves' holds {'a': 'b'}, expected 'apart'"),
    ],
)
def test_what_does_not_fit_together_is_said_and_nothing_that_hangs_on_it(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        template_from(AGREEMENT | changes, name="own")
    first, *others = faults_of(refused.value)
    assert said in first
    # A slot that is gone is gone for the answers as well.
    assert [fault for fault in others if "no slot" not in fault] == []


def test_all_faults_of_a_template_are_said_at_once(tmp_path: Path) -> None:
    faulty = {
        "templates": ["The {nuon:S} near the {noun.dual:A}", "A {noun:S", "The {noun:S} by the {noun:S}"],
        "words": {"noun": AGREEMENT["words"]["noun"], "verb": ["see", "see", 5]},
        "corrupt": {"S": "S", "A": "another word"},
        "answers": [" {S:is}", 3],
        "wrong_answers": [],
        "leave_out": "long",
        "note": "x",
    }
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(faulty))
    with pytest.raises(ValueError, match=r"own\.yaml: 12 faults; no prompt is made of it") as refused:
        read_template_file(path)
    said = [
        "no key of a template 'note'.",
        "'words.verb' holds 5, expected a text.",
        "'words.verb' holds 'see' twice:",
        "template 'The {nuon:S} near the {noun.dual:A}': no list of words or slot 'nuon'.",
        "no kind of the words 'noun' 'dual'.",
        "'A {noun:S': ",
        "template 'The {noun:S} by the {noun:S}' has slot 'S' twice:",
        "corrupt: S takes its own word",
        "'answers' holds 3, expected a text.",
        "answer ' {S:is}': write {SLOT} or {SLOT.kind}.",
        "'wrong_answers' is empty:",
        "'leave_out' holds 'long', expected 'unequal'",
    ]
    for line, begin in zip(str(refused.value).splitlines()[1:], said, strict=True):
        assert line.startswith(f"  {begin}")


def test_rules_need_kinds_that_the_words_have() -> None:
    plain = {"words": {"noun": ["key", "car"]}, "templates": "The {noun:S} near the {noun:A}", "answers": " {S}"}
    assert "the words 'noun' are of one kind" in refusal(**plain)
    assert "whose words have no kinds" in refusal(**plain | {"answers": AGREEMENT["answers"], "corrupt": {"S": "A"}})
    groups = {"noun": {"singular": ["key"], "plural": ["cars"]}}
    assert "no word of 'noun' is given in two kinds" in refusal(words=groups)
    lists = {"words": {"noun": ["key"], "verb": ["see"]}, "templates": "{noun:S} {verb:V}", "answers": " {S}"}
    assert "Exchange slots of one list" in refusal(**lists | {"corrupt": {"S": "V"}})


def test_a_slot_is_of_one_list_in_all_templates() -> None:
    words = {"noun": ["key"], "verb": ["see"]}
    said = refusal(
        words=words, templates=["The {noun:S}", "The {verb:S}"], answers=" {S}", corrupt={"S": "another word"}
    )
    assert "slot 'S' is of 'noun' in one template and of 'verb' in another" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b", "it holds ['a', 'b'], expected the keys templates, words, corrupt, answers."),
        ("templates: x", "'words', 'corrupt', 'answers' missing"),
        ("templates: [", "it is not YAML"),
        ("templates:\n\t- The {noun:S}", "YAML is indented with spaces, not with tabs."),
        ('{"clean": "a"}\n{"clean": "b"}\n', "Lines of JSON are no YAML: give the file the ending .jsonl."),
        ("words: {a: [b]}\nwords: {a: [c]}", "line 2 gives 'words' a second time"),
    ],
)
def test_a_file_that_is_no_template_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"own\.yaml: ") as refused:
        read_template_file(path)
    assert said in str(refused.value)
    with pytest.raises(ValueError, match=r"cannot read the template .*absent\.yaml"):
        read_template_file(tmp_path / "absent.yaml")


def test_a_template_in_another_encoding_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes("templates: x".encode("utf-16"))
    with pytest.raises(
        ValueError, match=r"^cannot read the prompt file \S+own\.yaml: it is text in UTF-16\. Save it as"
    ):
        read_template_file(tmp_path / "own.yaml")


def test_a_key_that_is_misspelt_does_not_lack():
    said = {"template": "The {noun:S}", "words": {"noun": ["key", "car"]}, "corrupt": {"S": "another word"}}
    with pytest.raises(ValueError, match="Did you mean 'templates'") as refused:
        template_from(said | {"answers": " {S}"}, name="nouns")
    assert "missing" not in str(refused.value)


def test_a_slot_that_repeats_one_which_changes_may_keep_its_word() -> None:
    rules = {"S": "another word", "S2": "S"}
    kept = template_from(AGREEMENT | {"templates": "The {noun:S} {S:S2}", "corrupt": rules}, name="own")
    assert kept.corrupt == rules


def test_a_template_without_words_has_no_other_fault() -> None:
    with pytest.raises(ValueError, match=r"^'words' is empty") as refused:
        template_from(AGREEMENT | {"words": {}, "answers": " is", "corrupt": {"S": "another word"}}, name="own")
    assert len(faults_of(refused.value)) == 1
