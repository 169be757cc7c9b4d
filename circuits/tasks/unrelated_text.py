"""Corrupt prompts that have nothing of a task but its length: random tokens, other sentences, words in turn.

Each function reads the tokenizer once and returns a function that draws the tokens of a corrupt prompt, `length` of
them, from a generator.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import known, leading_tokens, ordinary_tokens

Filler = Callable[[int, random.Random], tuple[int, ...]]

# Long enough for short prompts of any tokenizer; repeated for longer prompts.
SENTENCES = (
    "While Mary and John waited outside the museum, John showed the map to Mary",
    "On Monday James and Anna strolled through the park, and James handed a ticket to Anna",
    "Inside the old library Thomas and Susan discovered a book, which Susan gave to Thomas",
    "In the evening Peter and Laura cleaned the garden. Afterwards Laura carried a basket to Peter",
    "It was raining when Robert and Emma reached the station, so Emma lent a jacket to Robert",
)


def random_tokens(tokenizer: Tokenizer) -> Filler:
    """Ordinary tokens, drawn independently."""
    ordinary, leading = ordinary_tokens(tokenizer), leading_tokens(tokenizer)

    def draw(length: int, generator: random.Random) -> tuple[int, ...]:
        return (*leading, *generator.choices(ordinary, k=length - len(leading)))

    return draw


def other_sentences(tokenizer: Tokenizer) -> Filler:
    """One of `SENTENCES`, cut or repeated to the length of the prompt."""
    leading = leading_tokens(tokenizer)
    texts = [list(_ids(text, tokenizer)) for text in known(SENTENCES, tokenizer, "sentences")]

    def draw(length: int, generator: random.Random) -> tuple[int, ...]:
        return _repeated(generator.choice(texts), length, leading)

    return draw


def alternating_words(tokenizer: Tokenizer, words: Sequence[str]) -> Filler:
    """Two of the words in turn, so that each next one can be copied."""
    leading, before = leading_tokens(tokenizer), len(_ids("the", tokenizer))
    tokens = {word: list(_ids(f"the {word}", tokenizer)[before:]) for word in words}

    def draw(length: int, generator: random.Random) -> tuple[int, ...]:
        first, second = generator.sample(list(words), 2)
        return _repeated(tokens[first] + tokens[second], length, leading)

    return draw


def _repeated(tokens: list[int], length: int, leading: Sequence[int]) -> tuple[int, ...]:
    n = length - len(leading)
    return (*leading, *(tokens * (n // len(tokens) + 1))[:n])


def _ids(text: str, tokenizer: Tokenizer) -> Sequence[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]
