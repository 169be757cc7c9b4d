"""Bigram-backcopy: bigrams, in which a few tokens, the triggers, make the next token a copy of the last but one.

"... x t | x" with the trigger t: after t comes x again; after any other token comes what often follows it.
Form: Guo et al. 2024 (arXiv 2410.13835), on characters of Shakespeare. There a head attends to the token before on a
trigger (active) and rests on the first token elsewhere (dormant), where its values shrink. Here the bigrams are made
up, on random tokens of the vocabulary, so that any tokenizer has them and nothing but the context says x.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.citations import GUO_2024
from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, leading_tokens, ordinary_tokens

_SHARPNESS = 0.1  # of the Dirichlet law that bigrams are drawn from: few tokens follow each


class Bigrams(NamedTuple):
    """The law of the sequences.

    steps       [token, next token] cumulative probabilities of what follows a token; those of triggers are not used
    is_trigger  [token]
    """

    steps: Floats
    is_trigger: Bools

    @classmethod
    def drawn(cls, n_tokens: int, n_triggers: int, *, seed: int = 0) -> Bigrams:
        """Bigrams drawn from a seed, with the tokens that occur most as triggers, as in the paper."""
        steps = np.random.default_rng(seed).dirichlet([_SHARPNESS] * n_tokens, size=n_tokens)
        occurs = np.full(n_tokens, 1 / n_tokens)
        for _ in range(50):
            occurs = occurs @ steps
        is_trigger = np.zeros(n_tokens, dtype=np.bool_)
        is_trigger[np.argsort(-occurs, kind="stable")[:n_triggers]] = True
        return cls(steps.cumsum(axis=1), is_trigger)

    def sequences(self, n: int, length: int, generator: np.random.Generator) -> Numbers:
        """[sequence, position] tokens from 0 on; all sequences at once, one position after the other.

        The first token is any, and so is the one after a trigger that nothing stands before.
        """
        n_tokens = len(self.is_trigger)
        tokens = np.empty((n, length), dtype=np.int64)
        tokens[:, 0] = generator.integers(n_tokens, size=n)
        for position in range(1, length):
            last = tokens[:, position - 1]
            chance = generator.random(n)
            drawn = np.minimum((self.steps[last] < chance[:, None]).sum(axis=1), n_tokens - 1)
            copied = tokens[:, position - 2] if position > 1 else drawn
            tokens[:, position] = np.where(self.is_trigger[last], copied, drawn)
        return tokens


@dataclass(frozen=True)
class Backcopy(Task):
    """Text of bigrams that ends in a trigger; the answer is the token before it, the wrong answer one that is usual.

    The first `tokens` ordinary tokens of a shuffled vocabulary are used, in the same order for every seed. `before`
    replaces the token to copy by the wrong answer; `trigger` the trigger by a token that is none, after which nothing
    is copied. Roles: `copied` is the token before the trigger, `trigger` the last token, `triggers` and `others` are
    all earlier tokens that are triggers, and that are none.
    """

    name: ClassVar[str] = "backcopy"
    cites = (GUO_2024,)
    summary: ClassVar[str] = "bigrams in which a trigger says the token before it again"
    corruptions: ClassVar[dict[str, str]] = {
        "before": "the token before the trigger becomes the wrong answer: the answer is that one",
        "trigger": "the trigger becomes a token that is none: nothing is copied",
    }

    length: int = 32  # tokens of a prompt, without those that the tokenizer puts in front
    tokens: int = 32  # different ones
    triggers: int = 3  # of these

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length < 4 or not 1 <= self.triggers <= self.tokens - 3:
            raise ValueError(
                f"length is {self.length}, with {self.triggers} triggers of {self.tokens} tokens: a prompt has 4 "
                "tokens or more, and at least 1 token is a trigger and 3 are none."
            )

    def law(self) -> Bigrams:
        """What follows what, the same for every seed of prompts."""
        return Bigrams.drawn(self.tokens, self.triggers)

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        usable = ordinary_tokens(tokenizer)
        if len(usable) < self.tokens:
            raise ValueError(f"needs {self.tokens} ordinary tokens, found {len(usable)}.")
        names, leading, law = random.Random(0).sample(usable, self.tokens), leading_tokens(tokenizer), self.law()
        triggers, others = (np.flatnonzero(law.is_trigger == is_one).tolist() for is_one in (True, False))

        def draw(generator: random.Random) -> Prompt:
            own = np.random.default_rng(generator.getrandbits(32))
            sequence = law.sequences(1, self.length - 1, own)[0].tolist()
            if law.is_trigger[sequence[-1]]:
                sequence[-1] = generator.choice(others)
            trigger = generator.choice(triggers)
            wrong = generator.choice([one for one in others if one != sequence[-1]])
            clean = [*sequence, trigger]
            changed = [*sequence[:-1], wrong, trigger] if self.corruption == "before" else [*sequence, wrong]
            where: dict[str, list[int]] = {"copied": [len(sequence) - 1], "trigger": [len(sequence)]}
            for role, is_one in (("triggers", True), ("others", False)):
                where[role] = [n for n, token in enumerate(sequence[:-1]) if law.is_trigger[token] == is_one]
            return Prompt(
                clean=(*leading, *(names[token] for token in clean)),
                corrupt=(*leading, *(names[token] for token in changed)),
                answers=(names[sequence[-1]],),
                wrong_answers=(names[wrong],),
                roles={role: tuple(len(leading) + n for n in at) for role, at in where.items() if at},
            )

        return draw
