"""A task: a sequence of random tokens, and then its first token again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, leading_tokens, ordinary_tokens


@dataclass(frozen=True)
class FirstAgain(Task):
    """Tokens A B C A: the answer is B, the wrong answer C; with more of them, C is the last one before A."""

    name = "first-again"
    summary = "a few random tokens, then the first again; the answer is its next token"
    corruptions = {"swap": "B and C change places"}  # noqa: RUF012

    different: int = 3  # tokens before the first one comes again

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        """What draws one prompt."""
        tokens, leading = ordinary_tokens(tokenizer), leading_tokens(tokenizer)

        def draw(generator: random.Random) -> Prompt:
            a, b, *more, c = generator.sample(tokens, self.different)
            clean, corrupt = (*leading, a, b, *more, c, a), (*leading, a, c, *more, b, a)
            return Prompt(clean=clean, corrupt=corrupt, answers=(b,), wrong_answers=(c,))

        return draw
