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
halves         `apart`: no word that decides an answer in the half of the prompts that chooses a circuit is in a slot of
               the one that judges it, nor the other way round (`circuits.data.halves`)

`circuits.tasks.from_template` draws prompts of it for a tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from circuits.data.faults import Faults, Findings, SeveralFaults, in_lines
from circuits.data.prompts import END
from circuits.data.records.base import text_of
from circuits.data.templates import (
    ANOTHER_KIND,
    ANOTHER_WORD,
    BOTH,
    HALVES,
    LEAVE_OUT,
    RULES,
    UNEQUAL,
    Answers,
    Sentence,
    Slot,
    Template,
    Word,
    fields_of,
    parsed,
)
from circuits.files import read_bytes, unreadable
from circuits.lookup import keys_meant, lookup, not_one_of, unknown
from circuits.yaml_text import parse_yaml

_NEEDED, _OPTIONAL = ("templates", "words", "corrupt", "answers"), ("wrong_answers", "leave_out", "halves", "comment")
_KEYED = {"words": "noun: [key, car]", "corrupt": f"S: {ANOTHER_WORD}"}
_NAME = re.compile(r"[A-Za-z]\w*")


class BadTemplate(SeveralFaults):
    """All faults of a template at once.

    sound  what has none: the sentences and lists of words without a fault, with the slots that the corrupt prompt
           changes and, where they have none, what it holds there and the answers; None where no sentence is without
    """

    def __init__(self, *faults: str, sound: Template | None = None) -> None:
        super().__init__(*faults)
        self.sound = sound


def read_template_file(path: Path, *, also: Callable[[Template], Findings] = lambda sound: Findings()) -> Template:
    """The template in a file. ValueError, which names the file and all that is wrong, where there is none.

    also  what else is wrong, or doubtful, with the sound part of a template that has faults
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(unreadable(path, error, "the template")) from None
    text = text_of(data, str(path))
    try:
        return template_from(parse_yaml(text), name=path.stem)
    except BadTemplate as error:
        more = Findings() if error.sound is None else also(error.sound)
        raise ValueError(in_lines([*error.faults, *more.faults], of=str(path), doubts=more.doubts)) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def template_from(content: Any, *, name: str) -> Template:
    """The template that YAML or Python says. ValueError with all that does not fit together, but what hangs on another
    fault.

    >>> from circuits.data.template_file import template_from
    >>> said = {"templates": "The {noun:S}", "words": {"noun": ["key", "car"]}, "corrupt": {"S": "another word"}}
    >>> template = template_from(said | {"answers": " {S}"}, name="nouns")
    >>> template.sentences[0].text, [word.text for word in template.words["noun"]]
    ('The {S}', ['key', 'car'])
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds {_kind_of(content)}, expected the keys {', '.join(_NEEDED)}.")
    faults, known = Faults(), (*_NEEDED, *_OPTIONAL)
    for key in content:
        if key not in known:
            hint = " Is it a settings file? Give it with --config." if "task" in content else ""
            faults.add(unknown(key, known, "key of a template") + hint)
    # One that is misspelt does not lack.
    meant = keys_meant((str(key) for key in content if key not in known), known).values()
    if missing := [key for key in _NEEDED if key not in content and key not in meant]:
        faults.add(f"{', '.join(map(repr, missing))} missing: a template has the keys {', '.join(_NEEDED)}.")
    lists = _lists(content["words"], faults) if "words" in content else _Lists({}, are_all=False)
    slots = _slots(content["templates"], lists, faults) if "templates" in content else _Slots((), {}, are_all=False)
    corrupt = faults.in_call(_corrupt, content["corrupt"], slots, lists) if "corrupt" in content else None
    answers, wrong = (
        faults.in_call(_answers, content[key], key, slots, lists) if key in content else None
        for key in ("answers", "wrong_answers")
    )
    leave_out = content.get("leave_out")
    if leave_out is not None and leave_out not in [*LEAVE_OUT]:
        spared = "Without the line, words that do not fit a model are refused by name."
        faults.add(f"{not_one_of('leave_out', leave_out, LEAVE_OUT)} {spared}")
    halves = content.get("halves")
    if halves is not None and halves not in [*HALVES]:
        faults.add(f"{not_one_of('halves', halves, HALVES)} Without the line, both are drawn from all words.")
    words = {name: words for name, words in lists.words.items() if words is not None}
    if faults.said:
        # However it is written: words that do not fit are no fault then.
        leaves_out = None if leave_out is None else UNEQUAL
        sound = _sound(name, slots, words, leaves_out)
        if sound is not None:
            rules = _changed(content.get("corrupt")) if corrupt is None else corrupt
            # Without answers, nothing can be told of wrong ones.
            none = Answers() if wrong is None and "wrong_answers" in content else wrong
            sound = sound._replace(corrupt=rules, answers=answers or Answers(), wrong_answers=none)
        raise BadTemplate(*faults.said, sound=sound)
    assert corrupt is not None
    assert answers is not None
    return Template(name, slots.sentences, words, corrupt, answers, wrong, leave_out, halves)


def _sound(name: str, slots: _Slots, words: Mapping[str, tuple[Word, ...]], leave_out: str | None) -> Template | None:
    """The sentences and words of a template that have no fault, for these to be looked at."""
    sentences = tuple(
        sentence
        for sentence in slots.sentences
        if all(slot.words in words and slot.words == slots.own[at].words for at, slot in sentence.slots.items())
    )
    if not sentences:
        return None
    return Template(name, sentences, words, {}, Answers(), None, leave_out)


def _changed(corrupt: Any) -> dict[str, str]:
    """The slots that the corrupt prompt changes, where something is wrong with what is said of them: each with its rule
    where that is one."""
    given = corrupt.items() if isinstance(corrupt, Mapping) else ()
    return {slot: rule if rule in [*RULES] else ANOTHER_WORD for slot, rule in given if isinstance(slot, str)}


class _Lists(NamedTuple):
    """The lists of words, None for those with faults; `are_all` says whether every name of a list is known."""

    words: Mapping[str, tuple[Word, ...] | None]
    are_all: bool

    def kinds(self, name: str) -> tuple[str, ...] | None:
        """The kinds of the words of a list; None where it has faults, which are said once."""
        words = self.words.get(name)
        return None if words is None else tuple(dict.fromkeys(word.kind for word in words))


class _Slots(NamedTuple):
    """The sentences with their slots.

    own      name -> the slot that answers and rules are checked by: of sentences that differ in its list of words, one
             with a list that has no fault
    are_all  whether every slot is known, else none is said to lack
    """

    sentences: tuple[Sentence, ...]
    own: Mapping[str, Slot]
    are_all: bool

    @property
    def common(self) -> list[str]:
        """Those that every sentence has."""
        first = self.sentences[0].slots if self.sentences else ()
        return [name for name in first if all(name in sentence.slots for sentence in self.sentences)]


def _lists(given: Any, faults: Faults) -> _Lists:
    lists = faults.in_call(_mapping, given, "words")
    if lists is not None and not lists:
        faults.add(f"'words' is empty: give lists of words, such as {_KEYED['words']}.")
    if not lists:
        return _Lists({}, are_all=False)
    names = [faults.in_call(_named, name, "words") for name in lists]
    words = {str(name): faults.in_call(_words, str(name), of_list) for name, of_list in lists.items()}
    return _Lists(words, are_all=None not in names)


def _words(name: str, given: Any) -> tuple[Word, ...]:
    what, faults = f"words.{name}", Faults()
    if isinstance(given, Mapping):
        lists = [
            (faults.in_call(_named, kind, what), _texts(texts, f"{what}.{kind}", faults))
            for kind, texts in given.items()
        ]
        pairs = [(text, kind or "") for kind, texts in lists for text in texts]
        words = [Word(text, kind, place) for place, (text, kind) in enumerate(pairs)]
    elif isinstance(given, list) and 2 * sum(isinstance(row, Mapping) for row in given) >= len(given) > 0:
        rows = [faults.in_call(_mapping, row, what) or {} for row in given]
        words = [
            Word(faults.in_call(_text, text, f"{what}.{kind}") or "", faults.in_call(_named, kind, what) or "", place)
            for place, row in enumerate(rows)
            for kind, text in row.items()
        ]
    else:
        words = [Word(text, "", place) for place, text in enumerate(_texts(given, what, faults))]
    if not words and not faults.said:
        faults.add(f"{what!r} is empty: give words, such as [Anna, Ben].")
    # A word may be the same in two of its own kinds, as "sheep" is.
    first: dict[tuple[str, str], Word] = {}
    for word in words:
        if word.text and first.setdefault((word.text, word.kind), word) is not word:
            faults.add(f"{what!r} holds {word.text!r} twice: it would be drawn twice as often.")
    faults.raise_any()
    return tuple(words)


def _slots(given: Any, lists: _Lists, faults: Faults) -> _Slots:
    of_texts = Faults()
    texts = _texts(given, "templates", of_texts)
    faults.add(*of_texts.said)
    sentences = [_sentence(text, lists, faults) for text in texts]
    found = tuple(sentence for sentence in sentences if sentence is not None)
    faults.in_call(_require_same_slots, found, lists)
    return _Slots(found, _own(found, lists), are_all=not of_texts.said and len(found) == len(sentences))


def _own(sentences: Sequence[Sentence], lists: _Lists) -> dict[str, Slot]:
    """The slots by name; one with words that can be read before one without."""
    slots = [named for sentence in sentences for named in sentence.slots.items()]
    slots.sort(key=lambda named: lists.kinds(named[1].words) is None)
    return dict(reversed(slots))


def _sentence(text: str, lists: _Lists, faults: Faults) -> Sentence | None:
    """A sentence with its slots, also of such as have faults; None where these cannot be told."""
    if (fields := faults.in_call(parsed, text)) is None:
        return None
    parts, given, are_named = [], {}, True
    for literal, field, spec, has_field in fields:
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if not has_field:
            continue
        source, _, kind = field.partition(".")
        name = spec or source
        if not _NAME.fullmatch(name) or name == END:
            are_named = False
            faults.add(
                f"template {text!r}: a slot is called {name!r}; give a name of letters, digits and _ that is not {END}."
            )
        if name in given:
            faults.add(
                f"template {text!r} has slot {name!r} twice: name each, {{{source}:A}} and {{{source}:B}}, or repeat "
                f"the word of A with {{A:A2}}."
            )
        if spec and spec in lists.words:
            faults.add(f"template {text!r}: {spec!r} is a list of words; call the slot something else.")
        given.setdefault(name, (source, kind))
        parts.append(f"{{{name}}}")
    if not given:
        faults.add(f"template {text!r} has no slot, such as {{{next(iter(lists.words), 'noun')}:S}}.")
    if not given or not are_named:
        return None
    slots = {name: faults.in_call(_slot, text, name, given, lists) for name in given}
    return Sentence("".join(parts), {name: slot or Slot(given[name][0]) for name, slot in slots.items()})


def _slot(text: str, name: str, given: Mapping[str, tuple[str, str]], lists: _Lists) -> Slot:
    source, kind = given[name]
    if source in lists.words:
        if kind and (kinds := lists.kinds(source)) is not None:
            lookup(dict.fromkeys(kinds), kind, f"kind of the words {source!r}")
        return Slot(source, kind or None)
    if source in given and given[source][0] in lists.words:
        if kind:
            raise ValueError(
                f"template {text!r}: slot {name!r} repeats {source!r}, and has its kind: leave out {kind!r}."
            )
        return Slot(given[source][0], given[source][1] or None, source)
    # What repeats a slot whose own list is not known has no fault of its own.
    if lists.are_all and (source not in given or source == name):
        known = [*lists.words, *(other for other in given if given[other][0] in lists.words)]
        raise ValueError(f"template {text!r}: {unknown(source, known, 'list of words or slot')}")
    return Slot(source, kind or None)


def _require_same_slots(sentences: Sequence[Sentence], lists: _Lists) -> None:
    """Raise a ValueError where slots are drawn from different lists in two sentences."""
    first: dict[str, Slot] = {}
    faults = Faults()
    for sentence in sentences:
        for name, slot in sentence.slots.items():
            other = first.setdefault(name, slot)
            if other.words != slot.words and {other.words, slot.words} <= lists.words.keys():
                faults.add(f"slot {name!r} is of {other.words!r} in one template and of {slot.words!r} in another.")
    faults.raise_any()


def _corrupt(given: Any, slots: _Slots, lists: _Lists) -> dict[str, str]:
    if not (rules := _mapping(given, "corrupt")):
        raise ValueError(f"'corrupt' is empty: name a slot and what it holds instead, such as S: {ANOTHER_WORD}.")
    faults = Faults()
    for name, rule in rules.items():
        faults.in_call(_require_rule, name, rule, rules, slots, lists)
    faults.raise_any()
    return {name: str(rule) for name, rule in rules.items()}


def _require_rule(name: Any, rule: Any, rules: Mapping[Any, Any], slots: _Slots, lists: _Lists) -> None:
    """Raise a ValueError where a slot cannot hold in the corrupt prompt what is said of it."""
    if rule == name:
        raise ValueError(f"corrupt: {name} takes its own word, which changes nothing.")
    if (slot := _slot_of_all(name, slots, "corrupt")) is None:
        return
    kinds, words = lists.kinds(slot.words), lists.words.get(slot.words) or ()
    if rule not in [*RULES]:
        others = [other for other in slots.common if other != name]
        if slots.are_all and rule not in others:
            alike = [other for other in others if slots.own[other].words == slot.words]
            of_slots = dict.fromkeys(alike, "") | dict.fromkeys(alike[-1:], "the word of that slot")
            raise ValueError(not_one_of(f"corrupt.{name}", rule, RULES | of_slots))
        other = slots.own.get(rule) if isinstance(rule, str) else None
        if other is not None and other.words != slot.words and {other.words, slot.words} <= lists.words.keys():
            raise ValueError(
                f"corrupt: {name} is of the words {slot.words!r} and {rule} of {other.words!r}. Exchange slots of "
                "one list."
            )
        if _keeps_its_word(name, str(rule), rules, slots):
            raise ValueError(
                f"corrupt: {name} takes the word of {rule}, which is its own: one repeats the other. Give another slot "
                f"of {slot.words!r}, or {ANOTHER_WORD!r}."
            )
    elif kinds is None:
        return
    elif rule in (ANOTHER_KIND, BOTH) and len(kinds) < 2:
        raise ValueError(f"corrupt: {name}: {rule!r}, but the words {slot.words!r} are of one kind.")
    elif rule == ANOTHER_KIND and len({word.place for word in words}) == len(words):
        raise ValueError(
            f"corrupt: {name}: {rule!r}, but no word of {slot.words!r} is given in two kinds. Write them as "
            f"[{{{kinds[0]}: ..., {kinds[1]}: ...}}], or say {BOTH!r}."
        )


def _keeps_its_word(name: str, rule: str, rules: Mapping[Any, Any], slots: _Slots) -> bool:
    """Whether a slot that takes the word of another slot holds that word already, in all sentences. One that repeats a
    slot which changes would follow it, so that there it says something."""
    for of in (sentence.slots for sentence in slots.sentences):
        if not {name, rule} <= of.keys():
            return False
        first = of[name].repeats or name
        if first != (of[rule].repeats or rule) or (first != name and first in rules):
            return False
    return True


def _answers(given: Any, what: str, slots: _Slots, lists: _Lists) -> Answers:
    faults = Faults()
    if not isinstance(given, Mapping):
        answers = Answers(tuple(_texts(given, what, faults)))
    else:
        answers = _answers_by_kind(given, what, slots, lists, faults)
    for text in (*answers.texts, *(text for of in answers.by_kind.values() for text in of)):
        for _, name, kind in faults.in_call(lambda text=text: [*fields_of(text)]) or ():
            slot = faults.in_call(_slot_of_all, name, slots, what) if name else None
            if slot is not None and kind and (kinds := lists.kinds(slot.words)) is not None:
                faults.in_call(lookup, dict.fromkeys(kinds), kind, f"kind of the words {slot.words!r}")
    faults.raise_any()
    return answers


def _answers_by_kind(given: Mapping[Any, Any], what: str, slots: _Slots, lists: _Lists, faults: Faults) -> Answers:
    """The answers that go by the kind of a slot's word."""
    if len(given) != 1:
        raise ValueError(f"{what!r} goes by one slot; found {len(given)}. Give {{slot: {{kind: text}}}}.")
    ((name, by_kind),) = given.items()
    slot = faults.in_call(_slot_of_all, name, slots, what)
    kinds = None if slot is None else lists.kinds(slot.words)
    if slot is not None and kinds == ("",):
        raise ValueError(f"{what}: slot {name!r} is of {slot.words!r}, whose words have no kinds.")
    texts = {
        kind: tuple(_texts(of, f"{what}.{name}.{kind}", faults))
        for kind, of in (faults.in_call(_mapping, by_kind, what) or {}).items()
    }
    if slot is not None and kinds is not None and isinstance(by_kind, Mapping):
        unknown_kinds = [kind for kind in texts if kind not in kinds]
        for kind in unknown_kinds:
            faults.in_call(lookup, dict.fromkeys(kinds), kind, f"kind of the words {slot.words!r}")
        # One that is not known is most often one that lacks.
        for lacking in [kind for kind in kinds if kind not in texts] if not unknown_kinds else ():
            faults.add(f"{what}.{name} says nothing for the kind {lacking!r}: give a text for each.")
    return Answers((), name, texts)


def _slot_of_all(name: Any, slots: _Slots, what: str) -> Slot | None:
    """The slot of this name, which every sentence must have; None where it may be one of those that are not known."""
    for sentence in slots.sentences if slots.are_all else ():
        if name not in sentence.slots:
            is_in_others = any(name in other.slots for other in slots.sentences)
            lacks = f" Template {sentence.text!r} lacks it." if is_in_others else ""
            raise ValueError(f"{what}: {unknown(name, slots.common, 'slot')}{lacks}")
    return slots.own.get(name) if isinstance(name, str) else None


def _mapping(given: Any, what: str) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        example = f", such as {_KEYED[what]}" if what in _KEYED else ""
        raise ValueError(f"{what!r} holds {_kind_of(given)}, expected keys with values{example}.")
    return given


def _texts(given: Any, what: str, faults: Faults) -> list[str]:
    """The texts that are given, one or several, but those with faults, which are noted."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        faults.add(f"{what!r} holds {_kind_of(given)}, expected a text or a list of texts.")
        return []
    if not given:
        faults.add(f"{what!r} is empty: give at least one text.")
    return [text for one in given if (text := faults.in_call(_text, one, what)) is not None]


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError(f"{what!r} holds {given!r}, expected a text.{_why_no_text(given)}")
    return given


def _why_no_text(given: Any) -> str:
    """How YAML came to read something else, and what to do."""
    if isinstance(given, Mapping):
        return " Put it in quotes: YAML reads a colon and a space behind it as a key and its value."
    return "" if isinstance(given, str) else " Put it in quotes: YAML reads yes, no, dates and numbers as values."


def _named(name: Any, what: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what!r} has the name {name!r}; expected letters, digits and _. Put yes, no and on in quotes."
        )
    return name


def _kind_of(given: Any) -> str:
    return "nothing" if given is None else f"{given!r}"[:60]
