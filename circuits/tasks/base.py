"""What all tasks share: drawing distinct prompts from a seed, filling templates, choosing words that fit a tokenizer.

A task states its templates and words in plain text. Which of them can be used depends on the tokenizer: a name that
must be swapped for another has to be one token after a space, a filler word only has to be known.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from string import Formatter
from typing import ClassVar, NamedTuple

from circuits.citations import Citation
from circuits.data.answers import Answer, answer_of
from circuits.data.counted import counted
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.tokenizer import Tokenizer, next_token, next_tokens, require_tokenizer
from circuits.lookup import unknown

Draw = Callable[[random.Random], Prompt]
Orders = Callable[[random.Random], tuple[Prompt, ...]]
"""Draws one question with its options in every order."""

# This many repeats in a row: with one prompt in 100 still unseen, missing it has a chance of 1e-13.
_REPEATS_BEFORE_GIVING_UP = 3000
_SHOWN_WORDS = 12
# Of more prompts than this it is asked whether there can be so many; fewer are drawn within seconds.
_MANY, _N_PROBED, _TIMES_AS_MANY = 2_000, 300, 10


class _Counting(random.Random):
    """Random numbers, and among how many ways to draw them they were one: `n_ways`, 1 before the first."""

    n_ways: float = 1

    def _randbelow(self, n: int) -> int:  # what choices, samples and ranges draw with
        self.n_ways *= n
        return int(super().random() * n)

    def random(self) -> float:
        self.n_ways = math.inf
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        self.n_ways *= 2.0**k
        return super().getrandbits(k)


class UnbuildableError(ValueError):
    """A tokenizer lacks what a task needs. The `reason` says what; the message, also where to look for other tasks."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} `circuits tasks --model ...` lists the tasks that a model can be asked; `circuits prompts new` "
            "begins a file of your own prompts."
        )
        self.reason = reason


@dataclass(frozen=True)
class AnyTask(ABC):
    """A task's name and summary, and how it corrupts its prompts. Fields are the task's settings.

    name, summary  what lists show
    corruptions    name -> what a corrupt prompt changes; the default of `corruption` comes first
    version        raised where the same seed gives other prompts or roles than before, so that no stored ones serve
    cites          the papers whose task it is, or whose form it has
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    corruptions: ClassVar[Mapping[str, str]]
    version: ClassVar[int] = 1
    cites: ClassVar[tuple[Citation, ...]] = ()

    corruption: str = ""  # one of `corruptions`; empty is the task's default

    def __post_init__(self) -> None:
        object.__setattr__(self, "corruption", self.corruption or next(iter(self.corruptions)))
        if self.corruption not in self.corruptions:
            raise ValueError(unknown(self.corruption, self.corruptions, f"corruption of task {self.name!r}"))


@dataclass(frozen=True)
class Task(AnyTask):
    """Prompts of one behavior, built for whatever tokenizer the model has.

    templates           what prompts are filled from, where a task says so
    held_out_templates  other wordings of the same, kept apart: `held_out` takes these and none of the others, so that
                        a circuit of the usual wordings can be tried on wordings that had no part in it
    right_roles         the roles of the words in the prompt that say the answer, and wrong_roles those of the words
                        that compete with it, written as the keys of the edit `set`; empty where there are none

    >>> import random
    >>> from circuits import TASKS, load_model
    >>> tokenizer = load_model("reference").tokenizer
    >>> task = TASKS["ioi"]()
    >>> len(task.build(tokenizer, n=8)), len(task.build_at_most(tokenizer, n=8))
    (8, 8)
    >>> len(task.known_templates(tokenizer)) > 1
    True
    >>> prompt = next(task.drawn(tokenizer, seed=3))
    >>> prompt == task.build(tokenizer, n=1, seed=3).prompts[0], task.sampler(tokenizer)(random.Random(0)).n_positions
    (True, 14)
    >>> question = TASKS["colored-objects"]().orders(tokenizer)(random.Random(0))
    >>> len(question), len({prompt.answers for prompt in question})
    (6, 1)
    """

    templates: ClassVar[Sequence[str]] = ()
    held_out_templates: ClassVar[Sequence[str]] = ()
    right_roles: ClassVar[str] = ""
    wrong_roles: ClassVar[str] = ""

    held_out: bool = False  # whether prompts are of the held-out templates

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out and not self.held_out_templates:
            raise ValueError(f"task {self.name!r} holds no templates out: build its prompts without `held_out`.")

    def known_templates(self, tokenizer: Tokenizer) -> list[str]:
        """The templates in use that the tokenizer has tokens for; a ValueError that names them where there are none."""
        return known(self.held_out_templates if self.held_out else self.templates, tokenizer, "templates")

    def build(self, tokenizer: Tokenizer, *, n: int, seed: int = 0) -> PromptSet:
        """`n` distinct prompts; the same seed gives the same prompts, and the first ones of a larger set.

        Raises a ValueError where the tokenizer lacks what the task needs (naming the words), or where fewer than `n`
        distinct prompts exist.

        >>> from circuits import TASKS, load_model
        >>> tokenizer = load_model("reference").tokenizer
        >>> first = TASKS["ioi"]().build(tokenizer, n=8).prompts[0]
        >>> tokenizer.decode(first.clean), tokenizer.decode(first.answers)
        ('Because David and Martin were leaving the bridge , David returned the sandwich to', 'Martin')
        """
        self._require_ways(tokenizer, n)
        found = self.build_at_most(tokenizer, n=n, seed=seed)
        if len(found) < n:
            raise self._too_few(n, len(found))
        return found

    def require_as_many(self, tokenizer: Tokenizer, *, n: int, seed: int = 0) -> None:
        """Raise a ValueError where `build` would for lack of prompts, as far as the first 2,000 of them tell, and where
        `n` are many more than there are ways to draw one. Nothing is kept.

        Cost: a second or two at most.

        >>> from circuits import TASKS, load_model
        >>> tokenizer = load_model("reference").tokenizer
        >>> TASKS["ioi"]().require_as_many(tokenizer, n=1_000_000)
        """
        self._require_ways(tokenizer, n)
        first = min(n, _MANY)
        if (n_found := sum(1 for _ in islice(self.drawn(tokenizer, seed=seed), first))) < first:
            raise self._too_few(n, n_found)

    def _too_few(self, n: int, n_found: int) -> ValueError:
        return ValueError(
            f"task {self.name!r}: asked for {n} distinct prompts, found {n_found} with this model's tokenizer. Ask for "
            "fewer."
        )

    def _require_ways(self, tokenizer: Tokenizer, n: int) -> None:
        """Raise a ValueError where `n` are many more prompts than there are ways to draw one, before all are drawn.

        The ways are told by a few draws and what each of them chose among; they are no fewer than the prompts.
        """
        if not isinstance(n, Integral) or n <= _MANY:
            return
        draw, generator = self._draw(tokenizer), _Counting(0)
        n_ways = 0.0
        for _ in range(_N_PROBED):
            generator.n_ways = 1
            draw(generator)
            n_ways += generator.n_ways / _N_PROBED  # weighted by how rare each way is, and so the number of all
        if n > _TIMES_AS_MANY * n_ways:
            raise ValueError(
                f"task {self.name!r}: asked for {n} distinct prompts; with this model's tokenizer there are about "
                f"{n_ways:,.0f}, or fewer. Ask for fewer."
            )

    def build_at_most(self, tokenizer: Tokenizer, *, n: int, seed: int = 0) -> PromptSet:
        """What `build` gives; where fewer than `n` distinct prompts exist, all of them."""
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"task {self.name!r}: asked for {n!r} prompts; ask for a whole number, at least 1.")
        prompts = tuple(counted(islice(self.drawn(tokenizer, seed=seed), n)))
        if not prompts:
            raise ValueError(f"task {self.name!r}: no prompt is found with this model's tokenizer.")
        return PromptSet(self.name, prompts)

    def drawn(self, tokenizer: Tokenizer, *, seed: int = 0) -> Iterator[Prompt]:
        """Distinct prompts in the order of the seed, one at a time, until no other one is found.

        Raises a ValueError, with the first one, where the tokenizer lacks what the task needs.
        """
        if not isinstance(seed, Integral):
            raise ValueError(f"task {self.name!r}: seed is {seed!r}; give a whole number, such as 0.")
        draw = self._draw(tokenizer)
        generator = random.Random(seed)
        seen: set[tuple[int, ...]] = set()
        repeats = 0
        while repeats < _REPEATS_BEFORE_GIVING_UP:
            prompt = draw(generator)
            repeats = repeats + 1 if prompt.clean in seen else 0
            if not repeats:
                seen.add(prompt.clean)
                yield prompt

    def _draw(self, tokenizer: Tokenizer) -> Draw:
        require_tokenizer(tokenizer)
        try:
            return self.sampler(tokenizer)
        except ValueError as error:
            raise self._unbuildable(error) from None

    def _unbuildable(self, error: ValueError) -> ValueError:
        return UnbuildableError(f"task {self.name!r} cannot be built for this model's tokenizer: {error}")

    def orders(self, tokenizer: Tokenizer) -> Orders:
        """A function that draws one question with its options in every order.

        Raises a ValueError where the task has no options, or the tokenizer lacks what it needs.
        """
        raise ValueError("it has no options whose order could change.")

    def in_every_order(self, tokenizer: Tokenizer, *, n: int, seed: int = 0) -> list[PromptSet]:
        """`n` distinct questions, each as the prompts of all orders of its options; the answer stays what it says.

        Raises a ValueError where the task has no options, the tokenizer lacks what it needs, or fewer exist.

        >>> from circuits import TASKS, load_model
        >>> tokenizer = load_model("reference").tokenizer
        >>> (question,) = TASKS["colored-objects"]().in_every_order(tokenizer, n=1)
        >>> len(question), {tokenizer.decode(prompt.answers) for prompt in question}
        (6, {'Yellow'})
        """
        try:
            draw = self.orders(tokenizer)
        except ValueError as error:
            raise ValueError(f"task {self.name!r} cannot be built in every order: {error}") from None
        generator = random.Random(seed)
        seen: dict[frozenset[tuple[int, ...]], tuple[Prompt, ...]] = {}
        repeats = 0
        while len(seen) < n:
            question = draw(generator)
            key = frozenset(prompt.clean for prompt in question)
            repeats = repeats + 1 if key in seen else 0
            seen.setdefault(key, question)
            if repeats == _REPEATS_BEFORE_GIVING_UP:
                raise ValueError(f"task {self.name!r}: asked for {n} distinct questions, found {len(seen)}.")
        return [PromptSet(self.name, question) for question in seen.values()]

    @abstractmethod
    def sampler(self, tokenizer: Tokenizer) -> Draw:
        """A function that draws one prompt. Everything the tokenizer must have is checked here, before any is drawn."""


def one_of(templates: Sequence[str], generator: random.Random) -> str:
    """One of the templates. Of a single one nothing is drawn: each seed keeps the prompts that it has always given."""
    return generator.choice(templates) if len(templates) > 1 else templates[0]


def words(text: str) -> tuple[str, ...]:
    """The words of a list that is written as running text."""
    return tuple(text.split())


class Filled(NamedTuple):
    """A template with its words put in, and the characters start .. stop-1 that each slot's word covers."""

    text: str
    spans: dict[str, tuple[int, int]]

    def roles(self, slots: Iterable[str]) -> dict[str, tuple[int, int]]:
        """The spans of `slots`, as `prompt_from_text` takes them."""
        return {slot: self.spans[slot] for slot in slots}


def fill(template: str, words: Mapping[str, str]) -> Filled:
    """`template` with every `{slot}` replaced by `words[slot]`; each slot occurs once."""
    text, spans = "", {}
    for literal, slot, _, _ in Formatter().parse(template):
        text += literal
        if slot is not None:
            spans[slot] = (len(text), len(text) + len(words[slot]))
            text += words[slot]
    return Filled(text, spans)


def fixed_text(template: str) -> str:
    """The text of `template` around its slots."""
    return " ".join(literal for literal, _, _, _ in Formatter().parse(template))


def knows(text: str, tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer has tokens for all of `text`."""
    return getattr(tokenizer, "unk_token_id", None) not in tokenizer(text, add_special_tokens=False)["input_ids"]


def known(texts: Sequence[str], tokenizer: Tokenizer, what: str, *, at_least: int = 1) -> list[str]:
    """Those of `texts` (words, or templates around their slots) that the tokenizer has tokens for, of any length.

    Raises a ValueError that names the unknown ones where fewer than `at_least` are left.
    """
    kept = [text for text in texts if knows(fixed_text(text), tokenizer)]
    if len(kept) < at_least:
        failed = [text for text in texts if text not in kept]
        raise ValueError(
            f"needs at least {at_least} {what} whose words the tokenizer knows, found {len(kept)}. Unknown: "
            f"{_listed(failed)}. Choose another model: `circuits tasks --model MODEL` says which tasks one does."
        )
    return kept


def single_token_words(
    words: Sequence[str], tokenizer: Tokenizer, what: str, *, at_least: int, after: Sequence[str] = ("the",)
) -> dict[str, int]:
    """Those of `words` that are exactly one known token where they follow a space, with that token.

    after  texts that the word follows in the prompts; it must be the same token after each of them

    Raises a ValueError that names the words which failed where fewer than `at_least` are left.
    """
    kept: dict[str, int] = {}
    for word in words:
        tokens = {next_token(text, f" {word}", tokenizer) for text in after}
        if len(tokens) == 1 and (token := tokens.pop()) is not None:
            kept[word] = token
    if len(kept) < at_least:
        failed = [word for word in words if word not in kept]
        usable = f" Usable: {_listed(list(kept))}." if kept else ""
        raise ValueError(
            f"needs at least {at_least} {what} of one token each, found {len(kept)}. Not one known token: "
            f"{_listed(failed)}.{usable}"
        )
    return kept


def words_in_tokens(
    words: Sequence[str], tokenizer: Tokenizer, what: str, *, at_least: int, after: Sequence[str] = ("the",)
) -> dict[str, Answer]:
    """Those of `words` that are known tokens where they follow a space, one or several, as answers of prompts.

    after  texts that the word follows in the prompts; it must be the same tokens after each of them

    Words whose tokens begin those of another are left out: what says the second says the first too. Raises a ValueError
    that names the words which failed where fewer than `at_least` are left.
    """
    split: dict[str, tuple[int, ...]] = {}
    for word in words:
        ways = {next_tokens(text, f" {word}", tokenizer) for text in after}
        if len(ways) == 1 and (tokens := ways.pop()) is not None:
            split[word] = tokens
    begun = {tokens[:size] for tokens in split.values() for size in range(1, len(tokens))}
    kept = {word: answer_of(tokens) for word, tokens in split.items() if tokens not in begun}
    if len(kept) < at_least:
        failed = [word for word in words if word not in kept]
        raise ValueError(f"needs at least {at_least} {what} that it knows, found {len(kept)}. Not: {_listed(failed)}.")
    return kept


def ordinary_tokens(tokenizer: Tokenizer) -> list[int]:
    """All tokens that text is made of: not the special and added ones."""
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    return sorted(token for token in tokenizer.get_vocab().values() if token not in special)


def leading_tokens(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What the tokenizer puts in front of every text, such as a beginning-of-sequence token."""
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    whole = list(tokenizer("a")["input_ids"])
    start = next(index for index in range(len(whole)) if whole[index : index + len(plain)] == plain)
    return tuple(whole[:start])


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _SHOWN_WORDS
    return ", ".join(map(repr, words[:_SHOWN_WORDS])) + (f" and {more} more" if more > 0 else "")
