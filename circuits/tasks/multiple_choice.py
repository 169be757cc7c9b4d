"""Multiple choice: four labeled words, one of which is asked for; the answer is its label.

"Which option is the word metal? A: river B: metal C: paper D: music Answer:" -> " B"
Form: Lieberum et al. 2023 (arXiv 2307.09458), reduced to a word that has to be found again, or to a fact that has to be
known. Its mutations of the labels are tasks of their own here. The words are our own.

In `multiple-choice` the second line is always B: where a head looks for "the second line", and where for "the line
called B", cannot be told. In the tasks of other labels it can, as every order of the labels occurs, and by the
corruption `labels`, which leaves all lines where they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import ClassVar

from circuits.citations import LIEBERUM_2023
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer, next_token
from circuits.tasks.base import Draw, Orders, Task, fill, single_token_words
from circuits.tasks.capital import CAPITALS
from circuits.tasks.docstring import WORDS

LETTERS = ("A", "B", "C", "D")
OTHER_LETTERS = tuple("EFGHJKLMNPQRSTUVWXYZ")
NUMERALS = ("1", "2", "3", "4")
# By line, from the first to the fourth, whatever its label is.
OPTIONS = tuple(f"option_{letter}" for letter in LETTERS)
LABELS = tuple(f"label_{letter}" for letter in LETTERS)
_N = len(LETTERS)
_LIST = "".join(f" {{{label}}}: {{{option}}}" for label, option in zip(LABELS, OPTIONS, strict=True))
_NUMBERED = "".join(f" ({{{label}}}) {{{option}}}" for label, option in zip(LABELS, OPTIONS, strict=True))
_COPIED = (
    "Which option is the word {query}?LIST Answer:",
    "Find the word {query} among the options.LIST The letter is:",
    "Question: Where is {query}?LIST Answer:",
)
_COPIED_HELD_OUT = (
    "Choose the option that says {query}.LIST Answer:",
    "One of these is {query}.LIST Which letter is it? It is:",
)
_Lines = tuple[str, ...]


def _listed(templates: Sequence[str]) -> tuple[str, ...]:
    return tuple(template.replace("LIST", _LIST) for template in templates)


def _numbered(templates: Sequence[str]) -> tuple[str, ...]:
    """With labels in brackets, also that of the answer: tokenizers split a digit from the space before it."""
    return tuple(f"{template.replace('LIST', _NUMBERED).replace('letter', 'number')} (" for template in templates)


@dataclass(frozen=True)
class MultipleChoice(Task):
    """Four options and the word of one of them; answer its letter, wrong answers the other three letters.

    Roles: `query` is the word asked for, `option_A` to `option_D` are the lines in their order and `label_A` to
    `label_D` what each begins with, whatever that is; `correct_option` and `correct_label` are of the correct line.
    """

    name: ClassVar[str] = "multiple-choice"
    cites = (LIEBERUM_2023,)
    summary: ClassVar[str] = "four lettered words and one of them again; the answer is its letter"
    version: ClassVar[int] = 2
    corruptions: ClassVar[dict[str, str]] = {
        "query": "the word of another option is asked for: the answer is that one's letter",
        "options": "the correct option changes places with another one: the answer is the other letter",
        "absent": "the word asked for is none of the options",
        "labels": "the label of the correct option changes places with another one: the answer is the other letter",
    }
    templates = _listed(_COPIED)
    held_out_templates = _listed(_COPIED_HELD_OUT)
    right_roles, wrong_roles = "correct_label", "label_* without correct_label"

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        draw_question = self._questions(tokenizer)

        def draw(generator: random.Random) -> Prompt:
            question = draw_question(generator)
            return question.prompt(question.options, self.corruption, tokenizer)

        return draw

    def orders(self, tokenizer: Tokenizer) -> Orders:
        """The same question with its four options in all 24 orders; labels stay where they are."""
        draw_question = self._questions(tokenizer)

        def draw(generator: random.Random) -> tuple[Prompt, ...]:
            question = draw_question(generator)
            return tuple(
                question.prompt(options, self.corruption, tokenizer) for options in permutations(question.options)
            )

        return draw

    def _questions(self, tokenizer: Tokenizer) -> Callable[[random.Random], _Question]:
        templates = self.known_templates(tokenizer)
        answer_of, words = self._words(tokenizer)
        labels = self._labels(tokenizer)

        def draw(generator: random.Random) -> _Question:
            template = generator.choice(templates)
            *drawn, absent = generator.sample(words, _N + 1)
            correct, other = generator.sample(range(_N), 2)
            names = self._in_order(list(labels), generator)
            said = {name: labels[name] for name in names}
            return _Question(
                template, tuple(map(answer_of, drawn)), drawn[correct], drawn[other], absent, said, answer_of
            )

        return draw

    def _words(self, tokenizer: Tokenizer) -> tuple[Callable[[str], str], list[str]]:
        """From what is asked for to the option that answers it; and everything that can be asked for."""
        words = list(single_token_words(WORDS, tokenizer, "words", at_least=_N + 1))
        return str, words

    def _labels(self, tokenizer: Tokenizer) -> dict[str, int]:
        """Labels that may be used, and their tokens as answers."""
        return single_token_words(LETTERS, tokenizer, "letters", at_least=_N, after=(":",))

    def _in_order(self, labels: list[str], generator: random.Random) -> list[str]:
        """Those of the four lines. Of a fixed order nothing is drawn: each seed keeps its prompts."""
        return labels


@dataclass(frozen=True)
class ShuffledLetters(MultipleChoice):
    """The same with the letters A to D in any of their 24 orders: which line is correct does not say which letter."""

    name: ClassVar[str] = "multiple-choice-shuffled"
    summary: ClassVar[str] = "multiple choice with the letters A to D in all orders"
    version: ClassVar[int] = 1

    def _in_order(self, labels: list[str], generator: random.Random) -> list[str]:
        return generator.sample(labels, _N)


@dataclass(frozen=True)
class OtherLetters(ShuffledLetters):
    """The same with four other letters of the alphabet, in any order."""

    name: ClassVar[str] = "multiple-choice-letters"
    summary: ClassVar[str] = "multiple choice with four other letters"

    def _labels(self, tokenizer: Tokenizer) -> dict[str, int]:
        return single_token_words(OTHER_LETTERS, tokenizer, "letters", at_least=_N, after=(":",))


@dataclass(frozen=True)
class Numerals(MultipleChoice):
    """The same with 1 to 4 in place of A to D, in brackets: the number says which line it is."""

    name: ClassVar[str] = "multiple-choice-numerals"
    summary: ClassVar[str] = "multiple choice with the numbers 1 to 4"
    version: ClassVar[int] = 1
    templates = _numbered(_COPIED)
    held_out_templates = _numbered(_COPIED_HELD_OUT)

    def _labels(self, tokenizer: Tokenizer) -> dict[str, int]:
        tokens = {number: next_token("Answer: (", number, tokenizer) for number in NUMERALS}
        known = {number: token for number, token in tokens.items() if token is not None}
        if len(known) < _N:
            raise ValueError(f"needs the digits 1 to 4 as one token each after a bracket, found {', '.join(known)}.")
        return known


@dataclass(frozen=True)
class FactChoice(MultipleChoice):
    """Four capitals and a country: which of them is its capital has to be known."""

    name: ClassVar[str] = "multiple-choice-capitals"
    summary: ClassVar[str] = "four lettered capitals; the answer is the letter of a country's"
    version: ClassVar[int] = 1
    templates = _listed(
        (
            "Which city is the capital of {query}?LIST Answer:",
            "Question: What is the capital of {query}?LIST Answer:",
        )
    )
    held_out_templates = _listed(
        (
            "Choose the capital of {query}.LIST Answer:",
            "One of these cities is the capital of {query}.LIST Which letter is it? It is:",
        )
    )

    def _words(self, tokenizer: Tokenizer) -> tuple[Callable[[str], str], list[str]]:
        countries = single_token_words(list(CAPITALS), tokenizer, "countries", at_least=_N + 1)
        held = single_token_words([CAPITALS[country] for country in countries], tokenizer, "capitals", at_least=_N + 1)
        return CAPITALS.__getitem__, [country for country in countries if CAPITALS[country] in held]


@dataclass(frozen=True)
class _Question:
    """A question before its options are put in an order.

    options        as they were drawn
    query          what is asked for; `other` asks for another option, `absent` for none
    labels         label -> its token as an answer, from the first line to the last
    answer_of      from what is asked for to the option that answers it
    """

    template: str
    options: _Lines
    query: str
    other: str
    absent: str
    labels: dict[str, int]
    answer_of: Callable[[str], str]

    def prompt(self, options: _Lines, corruption: str, tokenizer: Tokenizer) -> Prompt:
        """The prompt with the options in an order."""
        correct, other = (options.index(self.answer_of(query)) for query in (self.query, self.other))
        names = list(self.labels)
        chosen = {"query": self.query} | dict(zip((*OPTIONS, *LABELS), (*options, *names), strict=True))
        changed = {
            "query": {"query": self.other},
            "options": {OPTIONS[correct]: options[other], OPTIONS[other]: options[correct]},
            "absent": {"query": self.absent},
            "labels": {LABELS[correct]: names[other], LABELS[other]: names[correct]},
        }[corruption]
        clean = fill(self.template, chosen)
        of_correct = {"correct_option": clean.spans[OPTIONS[correct]], "correct_label": clean.spans[LABELS[correct]]}
        return prompt_from_text(
            clean.text,
            fill(self.template, chosen | changed).text,
            answers=[self.labels[names[correct]]],
            wrong_answers=[self.labels[name] for line, name in enumerate(names) if line != correct],
            roles=clean.roles(chosen) | of_correct,
            tokenizer=tokenizer,
        )
