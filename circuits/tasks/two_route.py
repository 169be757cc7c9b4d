"""Two rules for one kind of prompt, which the bundled model `two-route` answers by two routes: a control.

"nearby ba kea tu ... | ba" -> "kea", the word that followed it; "learned ba kea tu ... | ba" -> the word that `ba` is
paired with, whatever stands there. The pairs are in no prompt, so only a model that learned them can know them. Design:
Hoang et al. 2025 (two-mechanism models); words, pairs and wording are our own.
"""

from __future__ import annotations

import random
import zlib
from typing import ClassVar

from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, leading_tokens, single_token_words

WORDS = tuple(
    consonant + vowel for consonant in "bcdfghjklmnprstv" for vowel in ("a", "e", "i", "o", "u", "ai", "ea", "oo")
)
NEARBY, LEARNED = "nearby", "learned"
N_CONTEXT = 6


def pairs() -> dict[str, str]:
    """Each word's partner: the next one when words are sorted by their CRC-32, of the last the first."""
    order = sorted(WORDS, key=lambda word: zlib.crc32(word.encode()))
    return dict(zip(order, [*order[1:], order[0]], strict=True))


class TwoRoute(Task):
    """A cue, six words, and one of the first five again; the wrong answer is what the other cue would ask for.

    Roles: `cue`; `first`, where the last word stood before; `next`, the word behind it. No two words are the same, and
    the last word's partner stands nowhere.
    """

    corruptions: ClassVar[dict[str, str]] = {
        "query": "the last word becomes another one of the six: neither answer is asked for",
        "cue": "the other cue: the answer flips",
    }
    cue: ClassVar[str]

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        cues = single_token_words((NEARBY, LEARNED), tokenizer, "cues", at_least=2)
        tokens = single_token_words(WORDS, tokenizer, "words", at_least=len(WORDS), after=(NEARBY, LEARNED))
        partner, leading = pairs(), leading_tokens(tokenizer)
        other_cue = LEARNED if self.cue == NEARBY else NEARBY

        def draw(generator: random.Random) -> Prompt:
            at, at_other = generator.sample(range(N_CONTEXT - 1), 2)
            context = generator.sample(WORDS, N_CONTEXT)
            while {partner[context[at]], partner[context[at_other]]} & set(context):
                context = generator.sample(WORDS, N_CONTEXT)
            answers = {NEARBY: tokens[context[at + 1]], LEARNED: tokens[partner[context[at]]]}
            before = [tokens[word] for word in context]
            cue, last = (cues[other_cue], at) if self.corruption == "cue" else (cues[self.cue], at_other)
            start = len(leading)
            return Prompt(
                clean=(*leading, cues[self.cue], *before, before[at]),
                corrupt=(*leading, cue, *before, before[last]),
                answers=(answers[self.cue],),
                wrong_answers=(answers[other_cue],),
                roles={
                    "cue": (start,),
                    "first": (start + 1 + at,),
                    "next": (start + 2 + at,),
                    "END": (start + N_CONTEXT + 1,),
                },
            )

        return draw


class TwoRouteNearby(TwoRoute):
    """Of the two rules, the one that looks into the context."""

    name: ClassVar[str] = "two-route-nearby"
    summary: ClassVar[str] = "six words, one again; the answer is the word that followed it (control: by attention)"
    cue = NEARBY


class TwoRouteLearned(TwoRoute):
    """Of the two rules, the one that knows pairs by heart."""

    name: ClassVar[str] = "two-route-learned"
    summary: ClassVar[str] = "six words, one again; the answer is the word it was paired with in training (control)"
    cue = LEARNED
