"""Files of templates: sentences with slots, lists of words for them, and a rule for the corrupt prompt, in YAML.

templates      a sentence, or several: `{noun:S}` is a word of the list `noun`, and S is what its tokens are called;
               `{noun.plural:S}` is one of its kind `plural`; `{S:S2}` is the word of slot S again; `{noun}` is a slot
               that is called like its list
words          name -> a list of words; or {kind: [words]}, lists of each kind; or [{kind: word, ...}], the same word in
               several kinds, as in [{singular: key, plural: keys}]
corrupt        slot -> what it holds in the corrupt prompt: `another word` (of the same kind), `another kind` (the same
               word in it), `another word of another kind`, or the name of a slot, whose word of the clean prompt it
               takes. Slots that repeat one follow it
answers        a text, or several, as they follow the prompt, in which `{S}` is a slot's word and `{S.capital}` the same
               word in another kind; or {slot: {kind: texts}}, by the kind of a slot's word
wrong_answers  the same; left out, the answers of the corrupt prompt that the clean one does not have
leave_out      `unequal`, `several tokens`: words to leave out for a model instead of refusing them
halves         `apart`: the half of the prompts that chooses a circuit and the one that judges it have no word in common
               in the slots that decide the answer, nor in others of which there are enough

`circuits.tasks.from_template` draws prompts of it for a tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.data.prompts import END
from circuits.data.records.base import text_of
from circuits.data.templates import (
    ANOTHER_KIND,
    ANOTHER_WORD,
    BOTH,
    HALVES,
    LEAVE_OUT,
    RULES,
    Answers,
    Sentence,
    Slot,
    Template,
    Word,
    fields_of,
    parsed,
)
from circuits.files import read_bytes, unreadable
from circuits.lookup import lookup, unknown
from circuits.yaml_text import parse_yaml

_NEEDED, _OPTIONAL = ("templates", "words", "corrupt", "answers"), ("wrong_answers", "leave_out", "halves", "comment")
_NAME = re.compile(r"[A-Za-z]\w*")


def read_template_file(path: Path) -> Template:
    """The template in a file. ValueError, which names the file and what is wrong, where there is none."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(unreadable(path, error, "the template")) from None
    try:
        return template_from(parse_yaml(text_of(data, str(path))), name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def template_from(content: Any, *, name: str) -> Template:
    """The template that YAML or Python says. ValueError for anything that does not fit together.

    >>> from circuits.data.template_file import template_from
    >>> said = {"templates": "The {noun:S}", "words": {"noun": ["key", "car"]}, "corrupt": {"S": "another word"}}
    >>> template = template_from(said | {"answers": " {S}"}, name="nouns")
    >>> template.sentences[0].text, [word.text for word in template.words["noun"]]
    ('The {S}', ['key', 'car'])
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds {_kind_of(content)}, expected the keys {', '.join(_NEEDED)}.")
    known = (*_NEEDED, *_OPTIONAL)
    for key in content:
        if key not in known:
            hint = " Is it a settings file? Give it with --config." if "task" in content else ""
            raise ValueError(unknown(key, known, "key of a template") + hint)
    if missing := [key for key in _NEEDED if key not in content]:
        raise ValueError(f"{', '.join(map(repr, missing))} missing: a template has the keys {', '.join(_NEEDED)}.")
    words = {_named(name, "words"): _words(name, given) for name, given in _mapping(content["words"], "words").items()}
    sentences = tuple(_sentence(text, words) for text in _texts(content["templates"], "templates"))
    _require_same_slots(sentences)
    corrupt = _corrupt(_mapping(content["corrupt"], "corrupt"), sentences, words)
    answers = _answers(content["answers"], "answers", sentences, words)
    wrong = None
    if "wrong_answers" in content:
        wrong = _answers(content["wrong_answers"], "wrong_answers", sentences, words)
    leave_out = content.get("leave_out")
    if leave_out is not None and leave_out not in LEAVE_OUT:
        raise ValueError(unknown(leave_out, LEAVE_OUT, "value of 'leave_out'"))
    halves = content.get("halves")
    if halves is not None and halves not in HALVES:
        raise ValueError(unknown(halves, HALVES, "value of 'halves'"))
    return Template(name, sentences, words, corrupt, answers, wrong, leave_out, halves)


def _words(name: str, given: Any) -> tuple[Word, ...]:
    what = f"words.{name}"
    if isinstance(given, Mapping):
        lists = {_named(kind, what): _texts(texts, f"{what}.{kind}") for kind, texts in given.items()}
        pairs = [(text, kind) for kind, texts in lists.items() for text in texts]
        words = [Word(text, kind, place) for place, (text, kind) in enumerate(pairs)]
    elif isinstance(given, list) and any(isinstance(row, Mapping) for row in given):
        rows = [_mapping(row, what) for row in given]
        words = [
            Word(_text(text, f"{what}.{kind}"), _named(kind, what), place)
            for place, row in enumerate(rows)
            for kind, text in row.items()
        ]
    else:
        words = [Word(text, "", place) for place, text in enumerate(_texts(given, what))]
    if not words:
        raise ValueError(f"{what!r} is empty: give words, such as [Anna, Ben].")
    # A word may be the same in two of its own kinds, as "sheep" is.
    first: dict[tuple[str, str], Word] = {}
    for word in words:
        if first.setdefault((word.text, word.kind), word) is not word:
            raise ValueError(f"{what!r} holds {word.text!r} twice: it would be drawn twice as often.")
    return tuple(words)


def _sentence(text: str, words: Mapping[str, Sequence[Word]]) -> Sentence:
    parts, given = [], {}
    for literal, field, spec, has_field in parsed(text):
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if not has_field:
            continue
        source, _, kind = field.partition(".")
        name = spec or source
        if not _NAME.fullmatch(name) or name == END:
            raise ValueError(
                f"template {text!r}: a slot is called {name!r}; give a name of letters, digits and _ that is not {END}."
            )
        if name in given:
            raise ValueError(
                f"template {text!r} has slot {name!r} twice: name each, {{{source}:A}} and {{{source}:B}}, or repeat "
                f"the word of A with {{A:A2}}."
            )
        if spec and spec in words:
            raise ValueError(f"template {text!r}: {spec!r} is a list of words; call the slot something else.")
        given[name] = (source, kind)
        parts.append(f"{{{name}}}")
    if not given:
        raise ValueError(f"template {text!r} has no slot, such as {{{next(iter(words), 'noun')}:S}}.")
    return Sentence("".join(parts), {name: _slot(text, name, given, words) for name in given})


def _slot(text: str, name: str, given: Mapping[str, tuple[str, str]], words: Mapping[str, Sequence[Word]]) -> Slot:
    source, kind = given[name]
    if source in words:
        if kind:
            lookup(dict.fromkeys(_kinds(words[source])), kind, f"kind of the words {source!r}")
        return Slot(source, kind or None)
    if source in given and given[source][0] in words:
        if kind:
            raise ValueError(
                f"template {text!r}: slot {name!r} repeats {source!r}, and has its kind: leave out {kind!r}."
            )
        return Slot(given[source][0], given[source][1] or None, source)
    known = [*words, *(other for other in given if given[other][0] in words)]
    raise ValueError(f"template {text!r}: {unknown(source, known, 'list of words or slot')}")


def _require_same_slots(sentences: Sequence[Sentence]) -> None:
    """Raise a ValueError where a slot is drawn from different lists in two sentences."""
    first: dict[str, Slot] = {}
    for sentence in sentences:
        for name, slot in sentence.slots.items():
            if (other := first.setdefault(name, slot)).words != slot.words:
                raise ValueError(
                    f"slot {name!r} is of {other.words!r} in one template and of {slot.words!r} in another."
                )


def _corrupt(
    given: Mapping[Any, Any], sentences: Sequence[Sentence], words: Mapping[str, Sequence[Word]]
) -> dict[str, str]:
    if not given:
        raise ValueError(f"'corrupt' is empty: name a slot and what it holds instead, such as S: {ANOTHER_WORD}.")
    for name, rule in given.items():
        slot = _slot_of_all(name, sentences, "corrupt")
        kinds = _kinds(words[slot.words])
        if rule == name:
            raise ValueError(f"corrupt: {name} takes its own word, which changes nothing.")
        if rule not in RULES:
            slots = [other for other in _common(sentences) if other != name]
            lookup(dict.fromkeys((*RULES, *slots)), rule, f"rule or slot for 'corrupt.{name}'")
            if (other := sentences[0].slots[rule]).words != slot.words:
                raise ValueError(
                    f"corrupt: {name} is of the words {slot.words!r} and {rule} of {other.words!r}. Exchange slots of "
                    "one list."
                )
        elif rule in (ANOTHER_KIND, BOTH) and len(kinds) < 2:
            raise ValueError(f"corrupt: {name}: {rule!r}, but the words {slot.words!r} are of one kind.")
        elif rule == ANOTHER_KIND and len({word.place for word in words[slot.words]}) == len(words[slot.words]):
            raise ValueError(
                f"corrupt: {name}: {rule!r}, but no word of {slot.words!r} is given in two kinds. Write them as "
                f"[{{{kinds[0]}: ..., {kinds[1]}: ...}}], or say {BOTH!r}."
            )
    return {name: str(rule) for name, rule in given.items()}


def _answers(given: Any, what: str, sentences: Sequence[Sentence], words: Mapping[str, Sequence[Word]]) -> Answers:
    if not isinstance(given, Mapping):
        answers = Answers(tuple(_texts(given, what)))
    else:
        if len(given) != 1:
            raise ValueError(f"{what!r} goes by one slot; found {len(given)}. Give {{slot: {{kind: text}}}}.")
        ((name, by_kind),) = given.items()
        slot = _slot_of_all(name, sentences, what)
        kinds = _kinds(words[slot.words])
        if kinds == ("",):
            raise ValueError(f"{what}: slot {name!r} is of {slot.words!r}, whose words have no kinds.")
        texts = {kind: tuple(_texts(of, f"{what}.{name}.{kind}")) for kind, of in _mapping(by_kind, what).items()}
        for kind in texts:
            lookup(dict.fromkeys(kinds), kind, f"kind of the words {slot.words!r}")
        if missing := [kind for kind in kinds if kind not in texts]:
            raise ValueError(f"{what}.{name} says nothing for the kind {missing[0]!r}: give a text for each.")
        answers = Answers((), name, texts)
    for text in (*answers.texts, *(text for of in answers.by_kind.values() for text in of)):
        for _, name, kind in fields_of(text):
            if name:
                slot = _slot_of_all(name, sentences, what)
                if kind:
                    lookup(dict.fromkeys(_kinds(words[slot.words])), kind, f"kind of the words {slot.words!r}")
    return answers


def _slot_of_all(name: Any, sentences: Sequence[Sentence], what: str) -> Slot:
    """The slot of this name, which every sentence must have."""
    for sentence in sentences:
        if name not in sentence.slots:
            lacks = f" Template {sentence.text!r} lacks it." if any(name in other.slots for other in sentences) else ""
            raise ValueError(f"{what}: {unknown(name, _common(sentences), 'slot')}{lacks}")
    return sentences[0].slots[name]


def _common(sentences: Sequence[Sentence]) -> list[str]:
    return [name for name in sentences[0].slots if all(name in sentence.slots for sentence in sentences)]


def _kinds(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.kind for word in words))


def _mapping(given: Any, what: str) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{what!r} holds {_kind_of(given)}, expected keys with values.")
    return given


def _texts(given: Any, what: str) -> list[str]:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        raise ValueError(f"{what!r} holds {_kind_of(given)}, expected a text or a list of texts.")
    if not given:
        raise ValueError(f"{what!r} is empty: give at least one text.")
    return [_text(one, what) for one in given]


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str) or not given:
        quoted = "" if isinstance(given, str) else " Put it in quotes: YAML reads yes, no, dates and numbers as values."
        raise ValueError(f"{what!r} holds {given!r}, expected a text.{quoted}")
    return given


def _named(name: Any, what: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what!r} has the name {name!r}; expected letters, digits and _. Put yes, no and on in quotes."
        )
    return name


def _kind_of(given: Any) -> str:
    return "nothing" if given is None else f"{given!r}"[:60]
