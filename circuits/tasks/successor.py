"""Successor of days, months and numbers: three neighbors of a list in order; the answer is the one after them.

"Anna counted: Monday, Tuesday, Wednesday," -> " Thursday"
Heads that do this: Gould et al. 2023. The wording is our own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from circuits.citations import GOULD_2024
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, known, single_token_words, words
from circuits.tasks.ioi import NAMES

DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("January February March April May June July August September October November December")
NUMBERS = words("one two three four five six seven eight nine ten eleven twelve")

ITEMS = ("first", "second", "third")


@dataclass(frozen=True)
class Successor(Task):
    """Three items in the order of a list; answer the next one, wrong answers all others, the three among them.

    unit        what the list holds, as prompts call it
    items       the list
    is_a_cycle  whether the first item follows the last
    """

    cites = (GOULD_2024,)

    unit: ClassVar[str]
    items: ClassVar[Sequence[str]]
    is_a_cycle: ClassVar[bool] = True

    corruptions: ClassVar[dict[str, str]] = {
        "shift": "the sequence begins at another item: the answer is the one after it",
        "random": "the three items become random ones that do not follow each other",
        "backward": "the three items are in reverse order: what follows is the item before them",
    }
    templates = (
        "{speaker} counted: {first}, {second}, {third},",
        "{speaker} wrote on the wall: {first}, {second}, {third},",
        "In order, {speaker} named the {unit}s {first}, {second}, {third},",
        "The list of {speaker} goes {first}, {second}, {third}, and",
        "Then {speaker} said {first}, {second}, {third},",
        "The game of {speaker} starts with {first}, {second}, {third}, and",
    )
    held_out_templates = (
        "We heard {speaker} call out {first}, {second}, {third}, and",
        "These are the {unit}s that {speaker} learned: {first}, {second}, {third},",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = [t.replace("{unit}", self.unit) for t in self.known_templates(tokenizer)]
        known([f"{self.unit}s"], tokenizer, "words for the items")
        speakers = known(NAMES, tokenizer, "names")
        tokens = single_token_words(
            self.items, tokenizer, f"{self.unit}s", at_least=len(self.items), after=("counted:", "and", ",")
        )
        items, n_items = list(tokens), len(tokens)
        n_starts = n_items if self.is_a_cycle else n_items - len(ITEMS)

        def sequence(start: int) -> list[str]:
            return [items[(start + step) % n_items] for step in range(len(ITEMS))]

        def changed(start: int, generator: random.Random) -> list[str]:
            match self.corruption:
                case "shift":
                    return sequence(generator.choice([other for other in range(n_starts) if other != start]))
                case "backward":
                    return sequence(start)[::-1]
                case _:
                    return unordered(items, generator)

        def draw(generator: random.Random) -> Prompt:
            template, start = generator.choice(templates), generator.randrange(n_starts)
            speaker = {"speaker": generator.choice(speakers)}
            clean = fill(template, speaker | dict(zip(ITEMS, sequence(start), strict=True)))
            corrupt = fill(template, speaker | dict(zip(ITEMS, changed(start, generator), strict=True)))
            answer = tokens[items[(start + len(ITEMS)) % n_items]]
            return prompt_from_text(
                clean.text,
                corrupt.text,
                answers=[answer],
                wrong_answers=[token for token in tokens.values() if token != answer],
                roles=clean.roles(ITEMS),
                tokenizer=tokenizer,
            )

        return draw


def unordered(items: Sequence[str], generator: random.Random) -> list[str]:
    """Three different items, no two of which next to each other are neighbors in the list."""
    while True:
        chosen = generator.sample(range(len(items)), len(ITEMS))
        steps = {(after - before) % len(items) for before, after in pairwise(chosen)}
        if not steps & {1, len(items) - 1}:
            return [items[index] for index in chosen]


@dataclass(frozen=True)
class SuccessorOfDays(Successor):
    """Days of the week."""

    name: ClassVar[str] = "successor-days"
    summary: ClassVar[str] = "three days in a row; the answer is the day after them"
    unit = "day"
    items = DAYS


@dataclass(frozen=True)
class SuccessorOfMonths(Successor):
    """Months of the year."""

    name: ClassVar[str] = "successor-months"
    summary: ClassVar[str] = "three months in a row; the answer is the month after them"
    unit = "month"
    items = MONTHS


@dataclass(frozen=True)
class SuccessorOfNumbers(Successor):
    """Number words from one to twelve."""

    name: ClassVar[str] = "successor-numbers"
    summary: ClassVar[str] = "three number words in a row; the answer is the number after them"
    unit = "number"
    items = NUMBERS
    is_a_cycle = False
