"""Greater-Than by the decade digit, for tokenizers that split years into digits.

"The siege lasted from the year 1732 to the year 17" -> a digit above 3
Form: Hanna et al. 2023, whose two-digit answers such tokenizers lack (`greater_than`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import HANNA_2023
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer, next_token, quoted, token_texts
from circuits.tasks.base import Draw, Task, fill, known
from circuits.tasks.greater_than import CENTURIES, NOUNS

DIGITS = tuple("0123456789")
# Some digit is above and some below each of these.
DECADES = DIGITS[1:9]


@dataclass(frozen=True)
class GreaterThanDecade(Task):
    """Start year XXYZ, end century XX given; answers are the digits above the decade Y, wrong answers those below.

    The decade's own digit is neither: whether it may follow depends on the digit behind it.
    """

    name: ClassVar[str] = "greater-than-decade"
    cites = (HANNA_2023,)
    summary: ClassVar[str] = "a start year, digit by digit; the answers are the decades that come after it"
    corruptions: ClassVar[dict[str, str]] = {
        "start-0": "the start decade becomes 0, which any other decade may follow",
        "range": "the end century becomes the one before the start's: no decade of it comes after",
        "year": "the start year becomes one of another century, which says nothing about the end year's decade",
    }
    templates = (
        "The {noun} lasted from the year {XX}{Y}{Z} to the year {century}",
        "The {noun} began in the year {XX}{Y}{Z} and ended in the year {century}",
        "Between the start of the {noun} in {XX}{Y}{Z} and its end in {century}",
        "They planned the {noun} in {XX}{Y}{Z} and completed it in {century}",
    )
    held_out_templates = (
        "The {noun} went on from {XX}{Y}{Z} until {century}",
        "The {noun} started in {XX}{Y}{Z} and was over by the year {century}",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates, nouns = self.known_templates(tokenizer), known(NOUNS, tokenizer, "nouns")
        tokens = digit_tokens(tokenizer)
        centuries = [century for century in CENTURIES if splits(century, tokens, tokenizer)]
        if self.corruption == "range":
            lengths = {century: len(_ids(f"the year {century}", tokenizer)) for century in CENTURIES}
            centuries = [c for c in centuries if lengths.get(f"{int(c) - 1}") == lengths[c]]
        if len(centuries) < 2:
            raise ValueError(
                "needs years of which each digit after the century is one token; '1732' gives "
                f"{quoted(token_texts(_ids('the year 1732', tokenizer), tokenizer))}. Where they are two tokens "
                "of two digits, choose task 'greater-than'."
            )

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            century, other = generator.sample(centuries, 2)
            decade, unit = generator.choice(DECADES), generator.choice(DIGITS)
            chosen = {"noun": generator.choice(nouns), "XX": century, "Y": decade, "Z": unit, "century": century}
            changed = {
                "start-0": lambda: {"Y": "0"},
                "range": lambda: {"century": f"{int(century) - 1}"},
                "year": lambda: {"XX": other, "Y": generator.choice(DECADES), "Z": generator.choice(DIGITS)},
            }[self.corruption]()
            clean = fill(template, chosen)
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[token for digit, token in tokens.items() if digit > decade],
                wrong_answers=[token for digit, token in tokens.items() if digit < decade],
                roles=clean.roles(("noun", "XX", "Y", "Z", "century")),
                tokenizer=tokenizer,
            )

        return draw


def digit_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """The tokens "0" to "9" as they continue a year; a ValueError that names those missing."""
    tokens = {digit: next_token("the year 17", digit, tokenizer) for digit in DIGITS}
    missing = [digit for digit, token in tokens.items() if token is None]
    if missing:
        raise ValueError(
            f"needs the digits that continue a year as one token each; after '17' these are not: {', '.join(missing)}. "
            "Where years are two tokens of two digits, choose task 'greater-than'."
        )
    return {digit: token for digit, token in tokens.items() if token is not None}


def splits(century: str, digits: dict[str, int], tokenizer: Tokenizer) -> bool:
    """Whether every year of the century is the century's own tokens followed by two digits."""
    before = _ids(f"the year {century}", tokenizer)
    return all(
        _ids(f"the year {century}{decade}{unit}", tokenizer) == [*before, digits[decade], digits[unit]]
        for decade in DIGITS
        for unit in DIGITS
    )


def _ids(text: str, tokenizer: Tokenizer) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
