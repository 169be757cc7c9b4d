"""Subject-verb agreement: the verb has the number of the subject, not that of the noun right before it.

"The keys near the cabinet" -> " are", " were" or " have"; not " is", " was" or " has"
Form: Linzen et al. 2016; patched in pairs that differ in number by Finlayson et al. 2021. The wording is our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import FINLAYSON_2021, LINZEN_2016
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words, words

NOUNS = words(
    """
    key cabinet car boy girl dog cat book letter picture table chair house tree flower window door student teacher
    doctor farmer lawyer driver painter player singer writer king queen friend neighbor brother sister parent guest
    visitor worker soldier bird horse cow train boat plane truck road river lake garden shop store school office bank
    hotel museum bridge tower wall cup bottle plate lamp clock phone computer camera guitar drum song movie poem poster
    ticket bag coat hat shirt
    """
)
VERBS = (("is", "are"), ("was", "were"), ("has", "have"))
_AT_LEAST_NOUNS = 8


@dataclass(frozen=True)
class Agreement(Task):
    """A subject and a noun of any number behind it; the answers are the verbs of the subject's number.

    The wrong answers are the same verbs in the other number. All nouns form their plural with -s.
    """

    name: ClassVar[str] = "agreement"
    cites = (LINZEN_2016, FINLAYSON_2021)
    summary: ClassVar[str] = "a subject with another noun behind it; the answer is a verb of the subject's number"
    corruptions: ClassVar[dict[str, str]] = {
        "number": "the subject takes the other number: the answer flips",
        "noun": "the subject becomes another noun in the other number: the answer flips",
        "exchange": "the subject and the noun behind it, of different numbers, change places: the answer flips",
    }
    templates = (
        "The {subject} near the {distractor}",
        "The {subject} behind the {distractor}",
        "The {subject} beside the {distractor}",
        "I know that the {subject} from the {distractor}",
        "At that time the {subject} in front of the {distractor}",
        "My uncle told me that the {subject} by the {distractor}",
        "Everyone could see that the {subject} next to the {distractor}",
        "On the way home she noticed that the {subject} with the {distractor}",
    )
    held_out_templates = (
        "Later that day the {subject} opposite the {distractor}",
        "We learned that the {subject} across from the {distractor}",
        "It turned out that the {subject} under the {distractor}",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        forms = list(single_token_words([*NOUNS, *(f"{noun}s" for noun in NOUNS)], tokenizer, "nouns", at_least=1))
        nouns = [noun for noun in NOUNS if noun in forms and f"{noun}s" in forms]
        if len(nouns) < _AT_LEAST_NOUNS:
            raise ValueError(
                f"needs at least {_AT_LEAST_NOUNS} nouns of one token in both numbers, such as 'key' and 'keys'; "
                f"found {len(nouns)}{': ' if nouns else ''}{', '.join(nouns)}."
            )
        verbs = single_token_words([v for pair in VERBS for v in pair], tokenizer, "verbs", at_least=2)
        pairs = [pair for pair in VERBS if set(pair) <= verbs.keys()]
        if not pairs:
            raise ValueError(f"needs a verb of one token in both numbers, such as 'is' and 'are'; found {[*verbs]}.")
        by_number = [[verbs[pair[number]] for pair in pairs] for number in (0, 1)]

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            subject, distractor, other = generator.sample(nouns, 3)
            number, distractor_number = generator.randrange(2), generator.randrange(2)
            if self.corruption == "exchange":
                distractor_number = 1 - number
            chosen = {"subject": form(subject, number), "distractor": form(distractor, distractor_number)}
            changed = {
                "number": {"subject": form(subject, 1 - number)},
                "noun": {"subject": form(other, 1 - number)},
                "exchange": {"subject": chosen["distractor"], "distractor": chosen["subject"]},
            }[self.corruption]
            clean = fill(template, chosen)
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=by_number[number],
                wrong_answers=by_number[1 - number],
                roles=clean.roles(("subject", "distractor")),
                tokenizer=tokenizer,
            )

        return draw


def form(noun: str, number: int) -> str:
    """The singular (0) or plural (1) of a noun."""
    return f"{noun}s" if number else noun
