"""Prompts drawn from a template that someone wrote: a task that is a file."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from numbers import Integral
from pathlib import Path
from typing import ClassVar, NamedTuple

from circuits.data.faults import Findings, Remedied, faults_of, in_lines
from circuits.data.halves import Lists, halves_of
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.template_file import read_template_file
from circuits.data.templates import (
    ANOTHER_KIND,
    ANOTHER_WORD,
    BOTH,
    RULES,
    SEVERAL_TOKENS,
    Answers,
    Sentence,
    Template,
    Word,
    Words,
)
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer, ids_at
from circuits.files import path_from
from circuits.numbers import count_text
from circuits.tasks.base import Draw, Filled, Task, fill, fixed_text, knows
from circuits.tasks.template_words import clean_words, corrupt_words, every_clean, stands_for

# With one draw in 100 that finds all its words, missing every one has a chance of 4e-5.
_TRIES = 1000
# Of prompts that are drawn to tell all kinds of faults, where there is one.
_N_TRIED = 200
_PUNCTUATION = ".,;:!?\"'()"
_SHOWN_WORDS = 12
_NOT_KNOWN = "not known"
# What the corrupt prompt holds in place of a word, where there is none, and what to do.
_LACKING = {
    ANOTHER_WORD: "another word of its kind there, and there is none: add one.",
    ANOTHER_KIND: "another kind of the word there, and there is none: add it.",
    BOTH: "another word of another kind there, and there is none: add one.",
}


class _Drawn(NamedTuple):
    """A sentence, and the words in its slots on both sides."""

    sentence: Sentence
    clean: Words
    corrupt: Words


class Unfit(NamedTuple):
    """A word that does not fit a tokenizer, and why."""

    word: Word
    reason: str


class Part(NamedTuple):
    """One half of the prompts, which has words of its own: what draws it, and how many it has."""

    task: TemplateTask
    n: int


@dataclass(frozen=True)
class TemplateTask(Task):
    """The prompts of a template. Slots are roles; each prompt has different words in the slots of one list.

    Of a list with kinds, a kind is drawn first and then a word of it.
    """

    summary: ClassVar[str] = "prompts of a template"
    corruptions: ClassVar[dict[str, str]] = {"template": "what the template says of its corrupt prompts"}

    template: Template = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Other tasks are called the same in every instance.
        object.__setattr__(self, "name", self.template.name)

    def build_at_most(self, tokenizer: Tokenizer, *, n: int, seed: int = 0) -> PromptSet:
        """What `build` gives; where fewer than `n` distinct prompts exist, all of them. Notes name words left out.

        Of halves that are held apart, those of the first and then those of the second.
        """
        if parts := self.parts(tokenizer, n) if isinstance(n, Integral) else []:
            made = [part.task.build_at_most(tokenizer, n=part.n, seed=seed).prompts for part in parts]
            prompts = PromptSet(self.name, tuple(prompt for half in made for prompt in half))
        else:
            prompts = super().build_at_most(tokenizer, n=n, seed=seed)
        all_made = () if self.count(n + 1, tokenizer) > len(prompts) else (are_all(len(prompts), self.name),)
        return replace(prompts, notes=(*self.notes(tokenizer), *all_made))

    def parts(self, tokenizer: Tokenizer, n: int) -> list[Part]:
        """The halves of `n` prompts that are drawn from words of their own, the larger one first, as prompts are split
        into those that choose a circuit and those that judge it. Nothing where the template does not hold them apart.

        ValueError where there are too few words for that.
        """
        if self.template.halves is None or n < 2:
            return []
        self._draw(tokenizer)  # refuses words that do not fit, by the usual number of tokens of the whole list
        words = self._left(tokenizer)
        return self._parts(words, self._count_apart(n, words))

    def _parts(self, words: Lists, n: int) -> list[Part]:
        halves = halves_of(self.template, words, lambda own: self._of(own).count(1) > 0)
        return [Part(self._of(own), size) for own, size in zip(halves, ((n + 1) // 2, n // 2), strict=True)]

    def _of(self, words: Lists) -> TemplateTask:
        """The prompts of these words alone."""
        own = {name: tuple(of_list) for name, of_list in words.items()}
        return TemplateTask(template=self.template._replace(words=own, halves=None))

    def _count_apart(self, at_most: int, words: Lists) -> int:
        """How many prompts there are in two halves, the first of which may have one more; counted up to a number."""
        first, second = (part.task.count(part.n) for part in self._parts(words, at_most))
        return min(at_most, 2 * min(first, second) + (first > second))

    def count(self, at_most: int, tokenizer: Tokenizer | None = None) -> int:
        """How many distinct prompts there are, counted up to a number; with a tokenizer, without the words that it
        leaves out. Of halves that are held apart, how many there are in both.
        """
        words = self.template.words if tokenizer is None else self._left(tokenizer)
        if self.template.halves is not None and at_most > 1:
            return self._count_apart(at_most, words)
        texts: set[str] = set()
        for sentence in self.template.sentences:
            for clean in every_clean(sentence, words):
                if len(texts) == at_most:
                    return at_most
                if corrupt_words(self.template, sentence, clean, words, random.Random(0)) is not None:
                    texts.add(_filled(sentence, clean).text)
        return len(texts)

    def notes(self, tokenizer: Tokenizer) -> tuple[str, ...]:
        """What is left out for this tokenizer, where the template says so, and words that never stand in a slot."""
        unfit = {} if self.template.leave_out is None else self.unfit_words(tokenizer)
        return (
            *(
                f"{len(found)} of the words {name!r} {'is' if len(found) == 1 else 'are'} left out: {listed(found)}."
                for name, found in unfit.items()
            ),
            *self._never_standing(tokenizer),
        )

    def _never_standing(self, tokenizer: Tokenizer) -> list[str]:
        """Of slots that hold something else in the corrupt prompt, the words that nothing can stand for there, so that
        no prompt has them in that slot."""
        # Words that are refused are mended, so that they stand for others.
        words = self.template.words if self.template.leave_out is None else self._left(tokenizer)
        said = []
        for name, rule in self.template.corrupt.items():
            slots = [sentence.slots[name] for sentence in self.template.sentences if name in sentence.slots]
            if rule not in RULES or not slots:
                continue
            kinds, of_list = {slot.kind for slot in slots}, words[slots[0].words]
            allowed = [word for word in of_list if None in kinds or word.kind in kinds]
            never = [word.text for word in allowed if not any(stands_for(other, word, rule) for other in of_list)]
            if never:
                said.append(
                    f"{len(never)} of the words {slots[0].words!r} never stand{'s' * (len(never) == 1)} at {name}: "
                    f"{_first_of([*map(repr, never)])}. The corrupt prompt holds {_LACKING[rule]}"
                )
        return said

    def unfit_words(self, tokenizer: Tokenizer) -> dict[str, list[Unfit]]:
        """The words of each list that cannot be used with this tokenizer; lists without any are left out.

        Those it does not know; of a slot that differs in the corrupt prompt, those with another number of tokens than
        most of its list; and where the template leaves out words of several tokens, these.
        """
        template = self.template
        found: dict[str, dict[Word, str]] = {}
        for sentence in template.sentences:
            for name, slot in sentence.slots.items():
                own = found.setdefault(slot.words, {})
                n_tokens = self._n_tokens(sentence, name, tokenizer)
                why_not = self._unequal(template.rule_of(name, slot), n_tokens)
                for word, n in n_tokens.items():
                    if n == 0:
                        own.setdefault(word, _NOT_KNOWN)
                    elif template.leave_out == SEVERAL_TOKENS and n > 1:
                        own.setdefault(word, count_text(n, "token"))
                    elif word in why_not:
                        own.setdefault(word, why_not[word])
        return {name: [Unfit(word, why) for word, why in own.items()] for name, own in found.items() if own}

    def _unequal(self, rule: str | None, n_tokens: Mapping[Word, int]) -> dict[Word, str]:
        """The words of a slot that have another number of tokens than what may stand for them in the corrupt prompt,
        each with that; none of a slot that holds the same there.

        n_tokens  of each word; 0 of those that are not known, which stand for nothing
        """
        known = {word: n for word, n in n_tokens.items() if n}
        if rule is None:
            return {}
        # A word's own kinds alone stand for it, as in a pair of a prompt file; else any other word of the list may.
        if rule != ANOTHER_KIND or self.template.leave_out is not None:
            usual = _usual(known.values())
            return {
                word: f"{count_text(n, 'token')} where most have {usual}" for word, n in known.items() if n != usual
            }
        unequal = {}
        for place in dict.fromkeys(word.place for word in known):
            kinds = {word: n for word, n in known.items() if word.place == place}
            usual = _usual(kinds.values())
            other = next(word.text for word, n in kinds.items() if n == usual)
            unequal |= {
                word: f"{count_text(n, 'token')} where {other!r} has {usual}" for word, n in kinds.items() if n != usual
            }
        return unequal

    def _n_tokens(self, sentence: Sentence, name: str, tokenizer: Tokenizer) -> dict[Word, int]:
        """How many tokens each word of a slot has where it stands; 0 of those that are not known."""
        slot, words = sentence.slots[name], self.template.words
        fillers = {other: words[of.words][0].text for other, of in sentence.slots.items()}
        counted = {}
        for word in words[slot.words]:
            filled = fill(sentence.text, fillers | {name: word.text})
            ids = ids_at(filled.text, filled.spans[name], tokenizer)
            counted[word] = 0 if getattr(tokenizer, "unk_token_id", None) in ids else len(ids)
        return counted

    def _left(self, tokenizer: Tokenizer) -> dict[str, list[Word]]:
        """The words of each list that can be used with this tokenizer."""
        unfit = {name: {one.word for one in found} for name, found in self.unfit_words(tokenizer).items()}
        return {
            name: [word for word in words if word not in unfit.get(name, ())]
            for name, words in self.template.words.items()
        }

    def text_faults(self, tokenizer: Tokenizer) -> list[str]:
        """That this tokenizer does not know words of the sentences, around the slots."""
        faults = []
        for sentence in self.template.sentences:
            known = knows(text := fixed_text(sentence.text), tokenizer)
            unknown = [] if known else [word.strip(_PUNCTUATION) for word in text.split()]
            if unknown := [word for word in unknown if not knows(word, tokenizer)]:
                faults.append(
                    Remedied(
                        f"template {sentence.text!r}: the model's tokenizer does not know "
                        f"{', '.join(map(repr, unknown))}.",
                        "Choose words of its vocabulary, or another model.",
                    )
                )
        return faults

    def word_faults(self, tokenizer: Tokenizer) -> list[str]:
        """That words of the lists do not fit this tokenizer, where the template does not leave them out."""
        if self.template.leave_out is not None or not (unfit := self.unfit_words(tokenizer)):
            return []
        said = "; ".join(f"of {name!r} {listed(found)}" for name, found in unfit.items())
        is_of_numbers = any(one.reason != _NOT_KNOWN for found in unfit.values() for one in found)
        why = " A word and what stands for it in the corrupt prompt need equally many tokens." if is_of_numbers else ""
        return [
            f"words that do not fit: {said}.{why} Take them out, or leave out such words for each model with a line "
            "`leave_out: unequal` in the template."
        ]

    def findings(self, tokenizer: Tokenizer) -> Findings:
        """All that is wrong for this tokenizer with what the template says, and what is doubtful."""
        return self._findings(self._left(tokenizer), tokenizer)

    def _findings(self, left: Mapping[str, list[Word]], tokenizer: Tokenizer) -> Findings:
        of_texts = self.text_faults(tokenizer)
        # Of prompts of the words that fit, where every sentence is known.
        of_prompts = Findings() if of_texts else self._prompt_findings(left, tokenizer)
        doubts = [*of_prompts.doubts, *self._never_standing(tokenizer)]
        return Findings([*of_texts, *self.word_faults(tokenizer), *of_prompts.faults], doubts)

    def _unbuildable(self, error: ValueError) -> ValueError:
        # Another task is no help, nor need it be the tokenizer; what is wrong with the template says what to change.
        return error

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        left, called = self._left(tokenizer), f"template {self.name!r}"
        if self.text_faults(tokenizer) or self.word_faults(tokenizer):
            faults, doubts = self._findings(left, tokenizer)
            raise ValueError(in_lines(faults, of=called, doubts=doubts))
        built: dict[str, Prompt] = {}

        def draw(generator: random.Random) -> Prompt:
            for _ in range(_TRIES):
                if (drawn := self._drawn(left, generator)) is None:
                    continue
                # Tokenizing is what takes the time, and most draws of few words are repeats.
                text = _filled(*drawn[:2]).text
                if text not in built:
                    try:
                        built[text] = self._prompt(*drawn, tokenizer)
                    except ValueError:
                        faults, doubts = self._prompt_findings(left, tokenizer, drawn)
                        raise ValueError(in_lines(faults, of=called, doubts=doubts)) from None
                return built[text]
            counts = ", ".join(f"{len(words)} of {name!r}" for name, words in left.items())
            raise ValueError(
                f"{called}: too few words for slots that differ and what replaces them: {counts}. Add words."
            )

        draw(random.Random(0))
        return draw

    def _drawn(self, words: Mapping[str, list[Word]], generator: random.Random) -> _Drawn | None:
        """A sentence with its words on both sides; None where a list has none left."""
        sentence = generator.choice(self.template.sentences)
        clean = clean_words(sentence, words, generator)
        corrupt = clean and corrupt_words(self.template, sentence, clean, words, generator)
        return _Drawn(sentence, clean, corrupt) if clean and corrupt else None

    def _prompt_findings(
        self, words: Mapping[str, list[Word]], tokenizer: Tokenizer, first: _Drawn | None = None
    ) -> Findings:
        """What is wrong with prompts of these words, and doubtful, as far as a few hundred of them tell: each kind with
        its first prompt, and how many others have it, whatever their words.

        first  a prompt that is looked at before those
        """
        if (whole := self._whole()) is None:
            return Findings()
        generator, seen, found, doubted = random.Random(0), set[str](), _Kinds(), _Kinds()
        tried = (whole._drawn(words, generator) for _ in range(_N_TRIED))
        for drawn in filter(None, chain([first], tried)):
            text = _filled(*drawn[:2]).text
            if text in seen:
                continue
            seen.add(text)
            own = {word.text for side in (drawn.clean, drawn.corrupt) for word in side.values()}
            try:
                prompt = self._prompt(*drawn, tokenizer)
            except ValueError as error:
                for fault in faults_of(error):
                    found.add(_without_words(fault, own), f"prompt {text!r}: {fault}")
            else:
                for warning in prompt.warnings:
                    doubted.add(warning.kind, f"prompt {text!r}: {warning.kind}: {warning.detail}")
        return Findings(found.said(), doubted.said())

    def _whole(self) -> TemplateTask | None:
        """The prompts of the sentences that have all slots which decide the answer, as all have of a template without
        faults; None where nothing is said of answers or of the corrupt prompt."""
        template = self.template
        is_said = template.corrupt and template.answers != Answers()
        sentences = tuple(one for one in template.sentences if template.key_slots <= one.slots.keys())
        return TemplateTask(template=template._replace(sentences=sentences)) if is_said and sentences else None

    def _prompt(self, sentence: Sentence, clean: Words, corrupt: Words, tokenizer: Tokenizer) -> Prompt:
        template = self.template
        answers = template.texts(template.answers, sentence, clean)
        if template.wrong_answers is None:
            wrong = [text for text in template.texts(template.answers, sentence, corrupt) if text not in answers]
        else:
            wrong = template.texts(template.wrong_answers, sentence, clean)
        filled = _filled(sentence, clean)
        if (other := _filled(sentence, corrupt)).text == filled.text:
            raise ValueError("the corrupt prompt is the clean one: its rules change nothing.")
        return prompt_from_text(
            filled.text,
            other.text,
            answers=answers,
            wrong_answers=wrong,
            roles=filled.roles(sentence.slots),
            tokenizer=tokenizer,
        )


def read_template(path: str | Path, *, tokenizer: Tokenizer | None = None) -> TemplateTask:
    """The task that a template file describes; a ValueError, which says what is wrong, where it describes none.

    tokenizer  of a template with faults, also says which words do not fit it, and what is wrong with prompts of others

    >>> from pathlib import Path
    >>> from circuits import load_model, read_template
    >>> file = Path("names.yaml")
    >>> _ = file.write_text('''
    ... templates: "Because {name:IO} and {name:S1} were leaving the bridge , {S1:S2} returned the sandwich to"
    ... words: {name: [David, Martin, Simon, Lisa]}
    ... corrupt: {S2: IO}
    ... answers: " {IO}"
    ... wrong_answers: " {S1}"
    ... ''')
    >>> prompts = read_template(file).build(load_model("reference").tokenizer, n=12)
    >>> len(prompts), prompts.roles, prompts.prompts[0].roles["S2"]
    (12, ('IO', 'S1', 'S2', 'END'), (9,))
    """

    def of_sound(sound: Template) -> Findings:
        if tokenizer is None:
            return Findings()
        return TemplateTask(template=sound).findings(tokenizer)

    return TemplateTask(template=read_template_file(path_from(path, "a template"), also=of_sound))


def are_all(n: int, template: str) -> str:
    """The note on prompts of which a template makes no more."""
    prompts = "This is the only prompt" if n == 1 else f"These are all {n} prompts"
    return f"{prompts} that the template {template} makes."


def says_all(text: str) -> bool:
    """Whether a text is that note: nothing is doubtful about such prompts.

    >>> from circuits.tasks.from_template import are_all, says_all
    >>> says_all(are_all(24, "language")), says_all("3 prompts are few.")
    (True, False)
    """
    return _ALL_MADE.fullmatch(text) is not None


_ALL_MADE = re.compile(r"(This is the only prompt|These are all \d+ prompts) that the template .* makes\.", re.DOTALL)


def listed(unfit: list[Unfit]) -> str:
    """The first few of many words, each with the reason."""
    return _first_of([f"{one.word.text!r} ({one.reason})" for one in unfit])


def _first_of(words: Sequence[str]) -> str:
    more = len(words) - _SHOWN_WORDS
    return ", ".join(words[:_SHOWN_WORDS]) + (f" and {more} more" if more > 0 else "")


def _filled(sentence: Sentence, words: Words) -> Filled:
    return fill(sentence.text, {name: word.text for name, word in words.items()})


class _Kinds:
    """What is said of prompts, those of one kind together."""

    def __init__(self) -> None:
        self._of_kinds: dict[str, list[str]] = {}

    def add(self, kind: str, text: str) -> None:
        self._of_kinds.setdefault(kind, []).append(text)

    def said(self) -> list[str]:
        """Of the first few kinds, the first text and how many others there are."""
        said = [f"{texts[0]}{_of_others(len(texts) - 1)}" for texts in self._of_kinds.values()]
        more = len(said) - _SHOWN_WORDS
        return [*said[:_SHOWN_WORDS], *([f"... and {more} more"] if more > 0 else [])]


def _of_others(n: int) -> str:
    return f" The same of {count_text(n, 'other prompt')}." if n else ""


def _without_words(fault: str, words: Iterable[str]) -> str:
    """A fault with `{}` in place of the words of its prompt: the same for all prompts that have it."""
    for word in sorted(words, key=len, reverse=True):
        fault = fault.replace(word, "{}")
    return fault


def _usual(n_tokens: Iterable[int]) -> int:
    """The number of tokens that most words have; 0 without any."""
    return min(Counter(n_tokens).most_common(), key=_commonest, default=(0, 0))[0]


def _commonest(counted: tuple[int, int]) -> tuple[int, int]:
    """A key that puts the number of tokens of most words first; of two as common, the smaller."""
    n_tokens, n_words = counted
    return -n_words, n_tokens
