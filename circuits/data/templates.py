"""What a template of prompts says: sentences with slots, words for them, and what the corrupt prompt has instead.

`circuits.data.template_file` reads one, and says how it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import NamedTuple, TypeAlias

ENDINGS = (".yaml", ".yml")
"""Of files that hold a template."""

ANOTHER_WORD, ANOTHER_KIND, BOTH = "another word", "another kind", "another word of another kind"
UNEQUAL, SEVERAL_TOKENS = "unequal", "several tokens"
RULES = {
    ANOTHER_WORD: "of the same list and kind",
    ANOTHER_KIND: "the same word in it",
    BOTH: "",
}
LEAVE_OUT = {
    UNEQUAL: "words of another number of tokens than most of their list",
    SEVERAL_TOKENS: "words of more than one token",
}
APART = "apart"
HALVES = {APART: "the prompts that choose a circuit and those that judge it have words of their own"}
"""What `corrupt`, `leave_out` and `halves` can hold, with what it means."""


class Word(NamedTuple):
    """A word of a list: its kind, empty where the list has none, and its place, which its other kinds share."""

    text: str
    kind: str
    place: int


class Slot(NamedTuple):
    """Where a word stands in a sentence.

    words    the list that it is drawn from
    kind     the only kind that it may have; None: any
    repeats  the slot whose word it has; None: it is drawn
    """

    words: str
    kind: str | None = None
    repeats: str | None = None


class Sentence(NamedTuple):
    """A template's text with `{name}` in place of its slots, and these in their order."""

    text: str
    slots: Mapping[str, Slot]


class Answers(NamedTuple):
    """The texts of answers; with a slot, those for each kind of its word."""

    texts: tuple[str, ...] = ()
    slot: str | None = None
    by_kind: Mapping[str, tuple[str, ...]] = {}


Words: TypeAlias = Mapping[str, Word]
"""What stands in the slots of a prompt."""


class Template(NamedTuple):
    """What a template says.

    corrupt        slot -> one of the rules, or a slot
    wrong_answers  None: the answers of the corrupt prompt
    leave_out      which words a model is spared; None: they are refused
    halves         `apart`: no word that decides an answer in one half of the prompts is in a slot of the other; None:
                   both are drawn from all words
    """

    name: str
    sentences: tuple[Sentence, ...]
    words: Mapping[str, tuple[Word, ...]]
    corrupt: Mapping[str, str]
    answers: Answers
    wrong_answers: Answers | None
    leave_out: str | None
    halves: str | None = None

    @property
    def key_slots(self) -> set[str]:
        """The slots that decide the answer: those that differ in the corrupt prompt, those whose words they take there,
        and those that stand in answers."""
        taken = (rule for rule in self.corrupt.values() if rule not in RULES)
        of_answers = (one.slot for one in self._all_answers)
        in_texts = (name for text in self._answer_texts for _, name, _ in fields_of(text))
        return {*self.corrupt, *taken, *filter(None, of_answers), *filter(None, in_texts)}

    @property
    def key_lists(self) -> set[str]:
        """The lists of words that decide the answer: of the slots that do."""
        slots = self.key_slots
        return {slot.words for sentence in self.sentences for name, slot in sentence.slots.items() if name in slots}

    def rule_of(self, name: str, slot: Slot) -> str | None:
        """What a slot holds in the corrupt prompt, also one that follows another; None where it holds the same."""
        return self.corrupt.get(name, self.corrupt.get(slot.repeats or name))

    @property
    def asked_kinds(self) -> dict[str, set[str]]:
        """List -> the kinds in which answers say a word of it, whether or not a slot holds them."""
        asked: dict[str, set[str]] = {}
        for _, name, kind in (field for text in self._answer_texts for field in fields_of(text)):
            for sentence in self.sentences if kind else ():
                asked.setdefault(sentence.slots[name].words, set()).add(kind)
        return asked

    @property
    def _all_answers(self) -> list[Answers]:
        return [self.answers, *(() if self.wrong_answers is None else (self.wrong_answers,))]

    @property
    def _answer_texts(self) -> list[str]:
        return [
            text
            for one in self._all_answers
            for text in (*one.texts, *(text for of in one.by_kind.values() for text in of))
        ]

    def in_kind(self, slot: Slot, word: Word, kind: str) -> Word | None:
        """The same word in another kind."""
        return next((one for one in self.words[slot.words] if (one.place, one.kind) == (word.place, kind)), None)

    def texts(self, answers: Answers, sentence: Sentence, chosen: Words) -> list[str]:
        """The answers to a prompt with these words."""
        given = answers.texts if answers.slot is None else answers.by_kind[chosen[answers.slot].kind]
        return list(dict.fromkeys(self._filled(text, sentence, chosen) for text in given))

    def _filled(self, text: str, sentence: Sentence, chosen: Words) -> str:
        parts = []
        for literal, slot, kind in fields_of(text):
            parts.append(literal)
            if slot:
                word = chosen[slot] if not kind else self.in_kind(sentence.slots[slot], chosen[slot], kind)
                if word is None:
                    raise ValueError(f"answer {text!r}: {chosen[slot].text!r} has no kind {kind!r}. Add it.")
                parts.append(word.text)
        return "".join(parts)


def fields_of(text: str) -> Iterator[tuple[str, str, str]]:
    """The parts of an answer: a text, the slot behind it (empty at the end), and the kind."""
    for literal, field, spec, has_field in parsed(text):
        slot, _, kind = field.partition(".")
        if has_field and (not slot or spec):
            raise ValueError(f"answer {text!r}: write {{SLOT}} or {{SLOT.kind}}.")
        yield literal, slot, kind


def parsed(text: str) -> list[tuple[str, str, str, bool]]:
    """The parts of a text with fields in braces: what stands before a field, its name, and what follows its colon."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}. Write a slot as {{noun:S}}, and a brace as {{{{ or }}}}.") from None
    if converted := next((part for part in parts if part[3]), None):
        raise ValueError(f"{text!r}: '!{converted[3]}' says nothing here. Write a slot as {{noun:S}}.")
    return [(literal, field or "", spec or "", field is not None) for literal, field, spec, _ in parts]
