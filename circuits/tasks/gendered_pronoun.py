"""Gendered pronoun: a person is named; the pronoun that follows has the gender that the name usually has.

"Yesterday Mary stayed at home because" -> " she", not " he"
Form: Mathwin et al. 2023. The wording is our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words, words

HE_NAMES = words(
    """
    James John Robert Michael William David Richard Joseph Thomas Charles Daniel Matthew Anthony Mark Paul Steven
    Andrew Kevin Brian George Edward Jason Ryan Jacob Eric Adam Peter Kyle Simon Martin Henry Jack Luke Tom Ben
    """
)
SHE_NAMES = words(
    """
    Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Emily Anna Laura Alice Emma Amy Kate
    Rachel Helen Julia Maria Lisa Nancy Ruth Lucy Jane Margaret Rose Diana Catherine
    """
)
EITHER_NAMES = words("Alex Taylor Jordan Sam Robin Jamie Casey Morgan Riley Chris Terry Kim Lee Max")
PRONOUNS = ("he", "she")
_AT_LEAST_NAMES = 5


@dataclass(frozen=True)
class GenderedPronoun(Task):
    """A name, then a clause that goes on with a pronoun; answer " he" or " she", wrong answer the other one.

    `either` puts a name that people of both genders have: the prompt no longer says which pronoun follows.
    """

    name: ClassVar[str] = "gendered-pronoun"
    summary: ClassVar[str] = "a name; the answer is the pronoun of its gender"
    corruptions: ClassVar[dict[str, str]] = {
        "gender": "the name becomes one of the other gender: the answer flips",
        "either": "the name becomes one of either gender: neither pronoun is told",
    }
    templates = (
        "Yesterday {name} stayed at home because",
        "Everyone likes {name} because",
        "The teacher told {name} that",
        "We asked {name} about the trip, and",
        "I called {name} after lunch, but",
        "Last week {name} sold the car because",
        "At the end of the meeting {name} said that",
        "The doctor wanted to help {name}, but",
    )
    held_out_templates = (
        "Nobody invited {name} to the party because",
        "The neighbors of {name} complained that",
        "This morning {name} missed the train, so",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        names = [
            list(single_token_words(pool, tokenizer, f"names that {pronoun!r} stands for", at_least=_AT_LEAST_NAMES))
            for pronoun, pool in zip(PRONOUNS, (HE_NAMES, SHE_NAMES), strict=True)
        ]
        either = (
            list(single_token_words(EITHER_NAMES, tokenizer, "names of either gender", at_least=2))
            if self.corruption == "either"
            else []
        )
        pronouns = list(
            single_token_words(PRONOUNS, tokenizer, "pronouns", at_least=2, after=("because", ",")).values()
        )

        def draw(generator: random.Random) -> Prompt:
            template, gender = generator.choice(templates), generator.randrange(2)
            clean = fill(template, {"name": generator.choice(names[gender])})
            changed = generator.choice(either or names[1 - gender])
            return prompt_from_text(
                clean.text,
                fill(template, {"name": changed}).text,
                answers=[pronouns[gender]],
                wrong_answers=[pronouns[1 - gender]],
                roles=clean.roles(("name",)),
                tokenizer=tokenizer,
            )

        return draw
