"""Induction: a random sequence begins again; the answer is the token that followed the last one before.

"... A B ... D ... | ... A" -> B, on random tokens of the model's vocabulary, so that nothing but the context helps.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import OLSSON_2022
from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, leading_tokens, ordinary_tokens

_SHORTEST_REPEAT = 4
_LEFT_AFTER_A = 3


@dataclass(frozen=True)
class Induction(Task):
    """A sequence of distinct random tokens, then its beginning again up to A; the answer is B, which followed A.

    All prompts have `length` tokens, but the sequence is longer in some than in others, so that attending a fixed
    number of tokens back does not solve the task. The wrong answer D is a later token of the sequence, not repeated.
    `swap` exchanges B and D: both prompts hold the same tokens, and the answer becomes D. `break` replaces A's first
    occurrence by a new token: there is nothing to copy from.
    """

    name: ClassVar[str] = "induction"
    cites = (OLSSON_2022,)
    summary: ClassVar[str] = "a random sequence begins again; the answer is its next token"
    corruptions: ClassVar[dict[str, str]] = {
        "swap": "the earlier continuation changes places with a later token of the sequence: the answer flips",
        "break": "the earlier occurrence of the last token becomes another token: nothing to copy from",
    }

    length: int = 20  # tokens of a prompt, without those that the tokenizer puts in front

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length < 2 * _SHORTEST_REPEAT + _LEFT_AFTER_A:
            raise ValueError(
                f"length is {self.length}; induction needs at least {2 * _SHORTEST_REPEAT + _LEFT_AFTER_A}."
            )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        tokens = ordinary_tokens(tokenizer)
        if len(tokens) <= self.length:
            raise ValueError(f"needs more than {self.length} ordinary tokens, found {len(tokens)}.")
        leading = leading_tokens(tokenizer)
        longest_repeat = (self.length - _LEFT_AFTER_A) // 2

        def draw(generator: random.Random) -> Prompt:
            n_repeated = generator.randint(_SHORTEST_REPEAT, longest_repeat)
            n_sequence = self.length - n_repeated
            *sequence, new = generator.sample(tokens, n_sequence + 1)
            at_a, at_b = n_repeated - 1, n_repeated
            at_d = generator.randrange(at_b + 1, n_sequence)
            changed = list(sequence)
            if self.corruption == "swap":
                changed[at_b], changed[at_d] = sequence[at_d], sequence[at_b]
            else:
                changed[at_a] = new
            repeated = sequence[:n_repeated]
            roles = {"A": at_a, "B": at_b, "D": at_d}
            return Prompt(
                clean=(*leading, *sequence, *repeated),
                corrupt=(*leading, *changed, *repeated),
                answers=(sequence[at_b],),
                wrong_answers=(sequence[at_d],),
                roles={role: (len(leading) + index,) for role, index in roles.items()},
            )

        return draw
