"""Greater-Than: the end year of something must come after its start year.

"The siege lasted from the year 1732 to the year 17" -> any two digits above 32
Form and century prefix: Hanna et al. 2023.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from circuits.citations import HANNA_2023
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer, quoted, token_texts
from circuits.tasks.base import Draw, Task, fill, known, knows, one_of, words
from circuits.tasks.unrelated_text import Filler, alternating_words, other_sentences, random_tokens

TEMPLATE = "The {noun} lasted from the year {XX}{YY} to the year {century}"
# In words of this task and of IOI: the bundled models know them.
HELD_OUT_TEMPLATES = (
    "The {noun} of the year {XX}{YY} lasted until the year {century}",
    "The {noun} was there in the year {XX}{YY}, and lasted until the year {century}",
)
NOUNS = words(
    """
    war siege drought plan reign famine campaign project voyage strike debate rebellion epidemic dynasty
    treaty conflict mission trial alliance crisis expedition revolt study boom occupation partnership
    negotiation tour feud search regime marriage program recession construction collaboration pilgrimage
    journey truce blockade
    """
)
CENTURIES = tuple(f"{century}" for century in range(11, 19))
YEARS = tuple(f"{year:02d}" for year in range(2, 99))
TWO_DIGITS = tuple(f"{number:02d}" for number in range(100))
EARLIEST = "01"

# With fewer start years than this, the prompts hardly differ.
_AT_LEAST_YEARS = 10


@dataclass(frozen=True)
class GreaterThan(Task):
    """Start year XXYY, end century XX given; answers are all two-digit tokens above YY, wrong answers all others.

    Only years that the tokenizer splits into XX and YY are used; YY runs from 02 to 98. `logit-difference` is then the
    mean logit of the answers minus that of the wrong answers.

    O'Neill & Bui 2024 compare negatives under the names `range`, `year`, `random`, `unrelated` and `copy`, from near to
    far, and publish no texts of them: what each changes here is our reading of its name.
    """

    name: ClassVar[str] = "greater-than"
    cites = (HANNA_2023,)
    summary: ClassVar[str] = "a start year; the answers are the end years that come after it"
    corruptions: ClassVar[dict[str, str]] = {
        "start-01": "the start year becomes XX01, which any later year may follow",
        "range": "the end century becomes the one before the start's: no year of it comes after",
        "year": "the start year becomes one of another century, which says nothing about the end year's digits",
        "random": "all tokens become random ones",
        "unrelated": "another sentence, without years, of as many tokens",
        "copy": "two nouns in turn, as many tokens: the next one can be copied",
    }
    templates = (TEMPLATE,)
    held_out_templates = HELD_OUT_TEMPLATES

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        nouns = known(NOUNS, tokenizer, "nouns", at_least=2 if self.corruption == "copy" else 1)
        templates = self.known_templates(tokenizer)
        digits = two_digit_tokens(tokenizer)
        years = [
            (century, year)
            for century in CENTURIES
            if splits(century, EARLIEST, digits, tokenizer)
            for year in YEARS
            if splits(century, year, digits, tokenizer)
        ]
        if len(years) < _AT_LEAST_YEARS:
            raise ValueError(
                f"needs years of two tokens, such as '17' and '32'; of {CENTURIES[0]}{YEARS[0]} to "
                f"{CENTURIES[-1]}{YEARS[-1]} it splits {len(years)} that way. '1732' gives "
                f"{quoted(token_texts(_ids('the year 1732', tokenizer), tokenizer))}."
            )

        if self.corruption == "range":
            years = [year for year in years if _has_century_before(year[0], tokenizer)]
        if self.corruption == "year" and len(dict(years)) == 1:
            raise ValueError(f"needs years of two centuries, and splits those of one only: {years[0][0]}.")
        filler = self._filler(tokenizer, nouns)

        def changed(template: str, chosen: Mapping[str, str], generator: random.Random) -> str:
            words = dict(chosen)
            match self.corruption:
                case "range":
                    words["century"] = _century_before(words["century"])
                case "year":
                    words["XX"], words["YY"] = generator.choice([year for year in years if year[0] != words["XX"]])
                case _:
                    words["YY"] = EARLIEST
            return fill(template, words).text

        def draw(generator: random.Random) -> Prompt:
            template = one_of(templates, generator)
            century, year = generator.choice(years)
            chosen = {"noun": generator.choice(nouns), "XX": century, "YY": year, "century": century}
            clean = fill(template, chosen)
            prompt = prompt_from_text(
                clean.text,
                clean.text if filler else changed(template, chosen, generator),
                answers=[digits[number] for number in TWO_DIGITS if number > year],
                wrong_answers=[digits[number] for number in TWO_DIGITS if number <= year],
                roles=clean.roles(("noun", "XX", "YY")),
                tokenizer=tokenizer,
            )
            return replace(prompt, corrupt=filler(len(prompt), generator)) if filler else prompt

        return draw

    def _filler(self, tokenizer: Tokenizer, nouns: Sequence[str]) -> Filler | None:
        """What makes corrupt prompts that are not sentences about years; None for other corruptions."""
        match self.corruption:
            case "random":
                return random_tokens(tokenizer)
            case "unrelated":
                return other_sentences(tokenizer)
            case "copy":
                return alternating_words(tokenizer, nouns)
            case _:
                return None


def two_digit_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """The tokens "00" to "99" as they continue a year, without a space; a ValueError that names those missing."""
    vocabulary = tokenizer.get_vocab()
    missing = [number for number in TWO_DIGITS if number not in vocabulary]
    if missing:
        raise ValueError(
            f"needs the 100 tokens '00' to '99' that continue a year; {len(missing)} are missing: "
            f"{', '.join(map(repr, missing[:12]))}{' ...' if len(missing) > 12 else ''}. Where years are split digit "
            "by digit, choose task 'greater-than-decade'."
        )
    return {number: vocabulary[number] for number in TWO_DIGITS}


def splits(century: str, year: str, digits: dict[str, int], tokenizer: Tokenizer) -> bool:
    """Whether the year XXYY is the tokens of XX followed by the token YY."""
    return _ids(f"the year {century}{year}", tokenizer) == [*_ids(f"the year {century}", tokenizer), digits[year]]


def _century_before(century: str) -> str:
    return f"{int(century) - 1}"


def _has_century_before(century: str, tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer knows the century before, in as many tokens."""
    own, before = f"the year {century}", f"the year {_century_before(century)}"
    return knows(before, tokenizer) and len(_ids(own, tokenizer)) == len(_ids(before, tokenizer))


def _ids(text: str, tokenizer: Tokenizer) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
