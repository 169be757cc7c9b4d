"""Training prompts of the reference models, drawn thousands at a time: the tasks' templates and words as arrays of ids.

A word is one token, so a template is a row of ids with gaps, and a batch of prompts is that row repeated with the gaps
filled from arrays of drawn words. Rows with a held-out combination are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.data.tokenizer import Tokenizer
from circuits.reference.held_out import RULES
from circuits.tasks import colored_objects, docstring, greater_than, ioi
from circuits.tasks.base import ordinary_tokens

Ids = NDArray[np.int64]

POOL = 2048
FIRST_POSITIONS = 36  # a test question alone begins at any position up to the one after a worked question


class Batch(NamedTuple):
    """Training prompts, padded at the end.

    ids        [prompt, position]
    is_text    [prompt, position]  not padding
    is_answer  [prompt, position]  tokens that the context determines, or nearly
    first      [prompt]            position number of the first token
    """

    ids: Ids
    is_text: NDArray[np.bool_]
    is_answer: NDArray[np.bool_]
    first: Ids


class Layout(NamedTuple):
    """A template as token ids; `gaps` tells where each slot's word goes."""

    ids: Ids
    gaps: dict[str, int]

    def fill(self, words: Mapping[str, Ids]) -> Ids:
        """[prompt, position], from one array of word ids [prompt] per slot."""
        n_prompts = len(next(iter(words.values())))
        rows = np.repeat(self.ids[None], n_prompts, axis=0)
        for slot, position in self.gaps.items():
            rows[:, position] = words[slot]
        return rows


def layout(template: str, tokenizer: Tokenizer) -> Layout:
    """`template` laid out for a tokenizer in which every slot's word is one token."""
    ids: list[int] = []
    gaps: dict[str, int] = {}
    for literal, slot, _, _ in Formatter().parse(template):
        ids += tokenizer(literal, add_special_tokens=False)["input_ids"]
        if slot is not None:
            gaps[slot] = len(ids)
            ids.append(0)
    return Layout(np.array(ids), gaps)


def word_ids(words: Sequence[str], tokenizer: Tokenizer) -> Ids:
    """[word] the token of each word."""
    vocabulary = tokenizer.get_vocab()
    return np.array([vocabulary[word] for word in words])


def held_out_table(task: str, rows: Sequence[str], columns: Sequence[str]) -> NDArray[np.bool_]:
    """[row, column] whether a task's combination of two words is held out."""
    rule = RULES[task]
    return np.array([[rule(row, column) for column in columns] for row in rows])


def distinct(generator: np.random.Generator, n_choices: int, shape: tuple[int, int]) -> Ids:
    """[row, column] numbers below `n_choices`, all different within a row."""
    return generator.random((shape[0], n_choices)).argsort(axis=1)[:, : shape[1]]


def pad(rows: Ids, length: int) -> Ids:
    """`rows` [prompt, position] padded with zeros (the end-of-text token) at the end."""
    return np.pad(rows, ((0, 0), (0, length - rows.shape[1])))


Draw = Callable[[np.random.Generator, int], Batch]


class Stream:
    """Batches of one task from a pool of prompts that is redrawn when used up."""

    def __init__(self, draw: Draw, generator: np.random.Generator) -> None:
        self._draw, self._generator = draw, generator
        self._pool, self._used = draw(generator, POOL), 0

    def take(self, n: int) -> Batch:
        """The next `n` prompts."""
        if self._used + n > len(self._pool.ids):
            self._pool, self._used = self._draw(self._generator, POOL), 0
        rows, pool = slice(self._used, self._used + n), self._pool
        self._used += n
        return Batch(pool.ids[rows], pool.is_text[rows], pool.is_answer[rows], pool.first[rows])


def _batch(groups: Sequence[tuple[Ids, Sequence[int]]], generator: np.random.Generator, n: int) -> Batch:
    """`n` of the prompts of all groups (rows of one length, positions of their answers), in random order."""
    longest = max(rows.shape[1] for rows, _ in groups)
    ids = np.concatenate([pad(rows, longest) for rows, _ in groups])
    is_text = np.concatenate([pad(np.ones_like(rows), longest) for rows, _ in groups]).astype(bool)
    is_answer = np.zeros_like(is_text)
    start = 0
    for rows, answers in groups:
        is_answer[start : start + len(rows), list(answers)] = True
        start += len(rows)
    if len(ids) < n:
        raise RuntimeError(f"only {len(ids)} of {n} prompts are left without held-out combinations; draw more.")
    order = generator.permutation(len(ids))[:n]
    return Batch(ids[order], is_text[order], is_answer[order], np.zeros(len(order), dtype=np.int64))


@dataclass
class IndirectObjectPrompts:
    """IOI sentences with their answer and a full stop."""

    tokenizer: Tokenizer = field(repr=False)

    def __post_init__(self) -> None:
        self.layouts = [layout(template + " {answer}.", self.tokenizer) for template in ioi.ABBA + ioi.BABA]
        self.names = word_ids(ioi.NAMES, self.tokenizer)
        self.places, self.things = word_ids(ioi.PLACES, self.tokenizer), word_ids(ioi.THINGS, self.tokenizer)
        self.held_out = held_out_table("ioi", ioi.NAMES, ioi.NAMES)

    def __call__(self, generator: np.random.Generator, n: int) -> Batch:
        groups = []
        for form in self.layouts:
            pairs = distinct(generator, len(self.names), (2 * n // len(self.layouts) + 2, 2))
            io, subject = self.names[pairs[~self.held_out[pairs[:, 0], pairs[:, 1]]]].T
            fillers = {"place": generator.choice(self.places, len(io)), "thing": generator.choice(self.things, len(io))}
            rows = form.fill({"IO": io, "S1": subject, "S2": subject, "answer": io} | fillers)
            groups.append((rows, [form.gaps["answer"]]))
        return _batch(groups, generator, n)


@dataclass
class ColoredObjectsPrompts:
    """Colored Objects at one stage of the curriculum over the nouns.

    n_nouns      all nouns of a prompt are among the first `n_nouns`; below three, the other colors have no noun
    with_worked  the worked question before the test question; otherwise the test question alone, beginning at a random
                 position number, since positions are learned and the test question will follow a worked one
    """

    tokenizer: Tokenizer = field(repr=False)
    n_nouns: int = len(colored_objects.OBJECTS)
    with_worked: bool = True

    def __post_init__(self) -> None:
        self.colors = word_ids(colored_objects.COLORS, self.tokenizer)
        self.said = word_ids([color.title() for color in colored_objects.COLORS], self.tokenizer)
        self.articles = word_ids([colored_objects.article(color) for color in colored_objects.COLORS], self.tokenizer)
        self.objects = word_ids(colored_objects.OBJECTS, self.tokenizer)
        self.held_out = held_out_table("colored-objects", colored_objects.COLORS, colored_objects.OBJECTS)

    def __call__(self, generator: np.random.Generator, n: int) -> Batch:
        draw = self._with_worked if self.with_worked else self._alone
        return draw(generator, n)

    def _with_worked(self, generator: np.random.Generator, n: int) -> Batch:
        n_drawn = 4 * n
        colors = distinct(generator, len(self.colors), (n_drawn, 6))
        objects = distinct(generator, self.n_nouns, (n_drawn, 6))
        fine = ~self.held_out[colors, objects].any(axis=1)
        colors, objects = colors[fine], objects[fine]
        groups = []
        for openings in np.ndindex(len(colored_objects.OPENINGS), len(colored_objects.OPENINGS)):
            part = slice(len(groups), None, len(colored_objects.OPENINGS) ** 2)
            halves = [
                self._question(generator, colors[part, half], objects[part, half], colored_objects.OPENINGS[opening])
                for half, opening in zip((slice(0, 3), slice(3, 6)), openings, strict=True)
            ]
            rows = np.concatenate(halves, axis=1)
            groups.append((rows, [halves[0].shape[1] - 2, rows.shape[1] - 2]))
        return _batch(groups, generator, n)

    def _alone(self, generator: np.random.Generator, n: int) -> Batch:
        n_named = min(3, self.n_nouns)
        n_drawn = 3 * n
        colors = distinct(generator, len(self.colors), (n_drawn, 3))
        objects = distinct(generator, self.n_nouns, (n_drawn, n_named))
        # Which of the three colors have the nouns; the others have none.
        indices = np.sort(distinct(generator, 3, (n_drawn, n_named)), axis=1)
        fine = ~self.held_out[np.take_along_axis(colors, indices, axis=1), objects].any(axis=1)
        colors, objects, indices = colors[fine], objects[fine], indices[fine]
        groups = []
        for chosen in np.unique(indices, axis=0):
            own = (indices == chosen).all(axis=1)
            parts = np.array_split(np.flatnonzero(own), len(colored_objects.OPENINGS))
            for opening, part in zip(colored_objects.OPENINGS, parts, strict=True):
                rows = self._question(generator, colors[part], objects[part], opening, named=tuple(chosen))
                groups.append((rows, [rows.shape[1] - 2]))
        batch = _batch(groups, generator, n)
        return batch._replace(first=generator.integers(0, FIRST_POSITIONS, len(batch.ids)))

    def _question(
        self,
        generator: np.random.Generator,
        colors: Ids,
        objects: Ids,
        opening: str,
        named: tuple[int, ...] = (0, 1, 2),
    ) -> Ids:
        """[prompt, position] questions with their answers and a line break, about the objects at indices `named`."""
        template = colored_objects.QUESTION + " {answer}\n"
        for index in {0, 1, 2}.difference(named):
            template = template.replace(f" {{object_{index + 1}}}", "")
        template = template.replace("{opening}", opening)
        n_prompts = len(colors)
        asked = generator.integers(0, len(named), n_prompts)
        rows = np.arange(n_prompts)
        words = {
            "surface": generator.choice(word_ids(colored_objects.SURFACES, self.tokenizer), n_prompts),
            "query": self.objects[objects[rows, asked]],
            "answer": self.said[colors[rows, np.array(named)[asked]]],
        }
        for index in range(3):
            words[f"a_{index + 1}"] = self.articles[colors[:, index]]
            words[f"color_{index + 1}"] = self.colors[colors[:, index]]
        for number, index in enumerate(named):
            words[f"object_{index + 1}"] = self.objects[objects[:, number]]
        return layout(template, self.tokenizer).fill(words)


@dataclass
class GreaterThanPrompts:
    """Greater-Than sentences; the end year is any later one of the century, all equally often."""

    tokenizer: Tokenizer = field(repr=False)

    def __post_init__(self) -> None:
        self.layout = layout(greater_than.TEMPLATE + "{answer}.", self.tokenizer)
        self.nouns = word_ids(greater_than.NOUNS, self.tokenizer)
        self.digits = word_ids(greater_than.TWO_DIGITS, self.tokenizer)
        self.held_out = held_out_table("greater-than", greater_than.TWO_DIGITS, greater_than.TWO_DIGITS)

    def __call__(self, generator: np.random.Generator, n: int) -> Batch:
        # The corrupt prompts' year 01 is a year like others here.
        century = generator.integers(int(greater_than.CENTURIES[0]), int(greater_than.CENTURIES[-1]) + 1, 2 * n)
        start = generator.integers(int(greater_than.EARLIEST), int(greater_than.YEARS[-1]) + 1, 2 * n)
        fine = ~self.held_out[century, start]
        century, start = century[fine], start[fine]
        end = generator.integers(start + 1, 100)
        words = {
            "noun": generator.choice(self.nouns, len(start)),
            "XX": self.digits[century],
            "YY": self.digits[start],
            "century": self.digits[century],
            "answer": self.digits[end],
        }
        return _batch([(self.layout.fill(words), [self.layout.gaps["answer"]])], generator, n)


@dataclass
class DocstringPrompts:
    """Documented functions, with the next argument's name."""

    tokenizer: Tokenizer = field(repr=False)

    def __post_init__(self) -> None:
        self.layout = layout(docstring.TEMPLATE + " {answer}", self.tokenizer)
        self.functions = word_ids(docstring.FUNCTIONS, self.tokenizer)
        self.arguments = word_ids(docstring.ARGUMENTS, self.tokenizer)
        self.fillers = word_ids(docstring.WORDS, self.tokenizer)
        self.held_out = held_out_table("docstring", docstring.ARGUMENTS, docstring.ARGUMENTS)

    def __call__(self, generator: np.random.Generator, n: int) -> Batch:
        drawn = distinct(generator, len(self.arguments), (2 * n, 4))
        names = self.arguments[drawn[~self.held_out[drawn[:, 1], drawn[:, 2]]]].T
        fillers = self.fillers[distinct(generator, len(self.fillers), (names.shape[1], 7))].T
        words = {
            "function": generator.choice(self.functions, names.shape[1]),
            **dict(zip((*docstring.DEFINED, *docstring.DOCUMENTED), (*names, *names[:2]), strict=True)),
            **{f"doc_{number}": filler for number, filler in enumerate(fillers, start=1)},
            "answer": names[2],
        }
        answers = [self.layout.gaps[slot] for slot in (*docstring.DOCUMENTED, "answer")]
        return _batch([(self.layout.fill(words), answers)], generator, n)


@dataclass
class InductionPrompts:
    """Sequences of distinct random tokens, 4 to 16 long, repeated to the same length."""

    tokenizer: Tokenizer = field(repr=False)
    length: int = 28

    def __post_init__(self) -> None:
        self.tokens = np.array(ordinary_tokens(self.tokenizer))
        names = self.tokenizer.convert_ids_to_tokens(self.tokens.tolist())
        self.held_out = held_out_table("induction", names, names)

    def __call__(self, generator: np.random.Generator, n: int) -> Batch:
        groups = []
        for n_sequence in range(4, 17):
            # One in ten neighbors is held out, so most long sequences are rejected.
            n_drawn = int(1.5 * n / 13 / 0.9**n_sequence / 0.8) + 8
            drawn = generator.integers(0, len(self.tokens), (n_drawn, n_sequence))
            following = np.roll(drawn, -1, axis=1)
            is_distinct = (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all(axis=1)
            drawn = drawn[is_distinct & ~self.held_out[drawn, following].any(axis=1)]
            repeats = -(-self.length // n_sequence)
            rows = np.tile(self.tokens[drawn], (1, repeats))[:, : self.length]
            # The first repeated token cannot be predicted: the sequence might have gone on.
            groups.append((rows, range(n_sequence + 1, self.length)))
        return _batch(groups, generator, n)


def streams(tokenizer: Tokenizer, seed: int) -> dict[str, Stream]:
    """One endless stream of prompts for each task that needs no curriculum, all from one seed."""
    draws: dict[str, Draw] = {
        "ioi": IndirectObjectPrompts(tokenizer),
        "greater-than": GreaterThanPrompts(tokenizer),
        "docstring": DocstringPrompts(tokenizer),
        "induction": InductionPrompts(tokenizer),
    }
    return {
        task: Stream(draw, np.random.default_rng([seed, number])) for number, (task, draw) in enumerate(draws.items())
    }
