"""Needle in a haystack: a span of tokens somewhere in a text has to be said again, asked for by its first token.

"... c n1 n2 n3 n4 n5 ... | c" -> n1 n2 n3 n4 n5, on random tokens of the model's vocabulary, so that nothing but the
context helps. Form: Wu et al. 2024 (arXiv 2404.15574), where a sentence in an essay answers a question; here the span
is copied, which small models do too, and which every tokenizer has words for.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import WU_2024
from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.numbers import count_text
from circuits.tasks.base import Draw, Task, leading_tokens, ordinary_tokens

NEEDLE = "needle"


@dataclass(frozen=True)
class Needle(Task):
    """Distinct random tokens, among them a cue and the needle after it; the prompt ends with the cue again.

    The answer is the needle, `needle` tokens that are read teacher-forced; a cue of several tokens is easier to find.
    Each prompt has one of the `lengths`, and its needle one of the `depths`: the share of the haystack before the cue.
    `swap` exchanges the needle and another span of as many tokens, the distractor, which is the wrong answer: both
    prompts hold the same tokens. `break` replaces the cue's first occurrence: nothing points to the needle.

    Roles: `needle` and `distractor` are the positions of the two spans, `cue` is the first occurrence of the cue;
    `depth_50` is the needle again where half of the haystack is before it, `length_40` the end of a prompt of 40.
    """

    name: ClassVar[str] = "needle"
    cites = (WU_2024,)
    summary: ClassVar[str] = "a span of a random sequence is said again, asked for by the token before it"
    corruptions: ClassVar[dict[str, str]] = {
        "swap": "the needle changes places with another span: the answer is that one",
        "break": "the first occurrence of the cue becomes another token: nothing points to the needle",
    }

    lengths: tuple[int, ...] = (20, 30, 40)  # tokens of a prompt, without those that the tokenizer puts in front
    depths: tuple[float, ...] = (0, 0.25, 0.5, 0.75, 1)  # share of the haystack that is before the cue
    needle: int = 5  # tokens
    cue: int = 1  # tokens

    def __post_init__(self) -> None:
        super().__post_init__()
        # At any depth, one side of the cue and the needle has room for as long a span.
        least = 3 * self.needle - 1 + 2 * self.cue
        if not self.lengths or min(self.needle, self.cue) < 1 or min(self.lengths) < least:
            raise ValueError(
                f"lengths are {list(self.lengths)}, the needle has {count_text(self.needle, 'token')}, its cue "
                f"{self.cue}: give 1 or "
                f"more, and prompts of {least} or more, so that there is room for them and as long a span elsewhere."
            )
        if not self.depths or not all(0 <= depth <= 1 for depth in self.depths):
            raise ValueError(f"depths are {list(self.depths)}: give shares of the haystack, from 0 to 1.")

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        tokens = ordinary_tokens(tokenizer)
        if len(tokens) <= max(self.lengths):
            raise ValueError(f"needs more than {max(self.lengths)} ordinary tokens, found {len(tokens)}.")
        leading = leading_tokens(tokenizer)

        def draw(generator: random.Random) -> Prompt:
            length, depth = generator.choice(self.lengths), generator.choice(self.depths)
            drawn = generator.sample(tokens, length)
            haystack, new = drawn[: -self.cue], drawn[-self.cue :]
            start = round(depth * (len(haystack) - self.needle - self.cue))
            cue = range(start, start + self.cue)
            needle = range(cue.stop, cue.stop + self.needle)
            # Anywhere but where it would touch the cue or the needle.
            after = range(needle.stop, len(haystack) - self.needle + 1)
            first = generator.choice([*range(cue.start - self.needle + 1), *after])
            distractor = range(first, first + self.needle)
            changed = list(haystack)
            if self.corruption == "swap":
                for one, other in zip(needle, distractor, strict=True):
                    changed[one], changed[other] = haystack[other], haystack[one]
            else:
                changed[cue.start : cue.stop] = new
            asked = [haystack[index] for index in cue]
            roles = {"cue": cue, NEEDLE: needle, "distractor": distractor, f"depth_{depth:.0%}".rstrip("%"): needle}
            at = {role: tuple(len(leading) + index for index in span) for role, span in roles.items()}
            return Prompt(
                clean=(*leading, *haystack, *asked),
                corrupt=(*leading, *changed, *asked),
                answers=(tuple(haystack[index] for index in needle),),
                wrong_answers=(tuple(haystack[index] for index in distractor),),
                roles=at | {f"length_{length}": (len(leading) + length - 1,)},
            )

        return draw


@dataclass(frozen=True)
class NeedleLong(Needle):
    """The same in long texts, of up to 1,000 tokens."""

    name: ClassVar[str] = "needle-long"
    summary: ClassVar[str] = "the same in sequences of 100 to 1,000 tokens"

    lengths: tuple[int, ...] = (100, 200, 500, 1000)
