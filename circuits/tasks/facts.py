"""A fact out of five: five people, each with one thing; the answer is the one who has the thing asked about.

"Today Anna has the key, Mark has the map, ... Question: Who has the map?\\nAnswer:" -> " Mark"
Binding of names to things in context: Feng & Steinhardt 2023. The wording is our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import FENG_2024
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words
from circuits.tasks.ioi import NAMES, THINGS

N_FACTS = 5
PEOPLE = tuple(f"name_{number}" for number in range(1, N_FACTS + 1))
HELD = tuple(f"thing_{number}" for number in range(1, N_FACTS + 1))


def _sentence(verb: str) -> str:
    return ", ".join(f"{{{name}}} {verb} the {{{thing}}}" for name, thing in zip(PEOPLE, HELD, strict=True))


@dataclass(frozen=True)
class Facts(Task):
    """Five facts in one sentence and a question; answer the name, wrong answers the other four.

    Roles: `query` is the thing in the question, `correct_name` and `correct_thing` its fact.
    """

    name: ClassVar[str] = "facts"
    cites = (FENG_2024,)
    summary: ClassVar[str] = "five people with one thing each; the answer is who has the thing asked about"
    corruptions: ClassVar[dict[str, str]] = {
        "query": "another thing is asked about: the answer is the one who has it",
        "things": "two people exchange their things, one of them the thing asked about: the answer flips",
        "absent": "a thing is asked about that nobody has",
    }
    templates = (
        f"Today {_sentence('has')}. Question: Who has the {{query}}?\nAnswer:",
        f"After the party {_sentence('took')}. The {{query}} was taken by",
        f"In the story {_sentence('found')}. The person with the {{query}} is",
    )
    held_out_templates = (
        f"Yesterday {_sentence('sold')}. The {{query}} was sold by",
        f"At noon {_sentence('held')}. Q: Who held the {{query}}?\nA:",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        names = single_token_words(NAMES, tokenizer, "names", at_least=N_FACTS, after=("the", "by", "Answer:"))
        things = list(single_token_words(THINGS, tokenizer, "things", at_least=N_FACTS + 1))

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            people = generator.sample(list(names), N_FACTS)
            *held, absent = generator.sample(things, N_FACTS + 1)
            correct, other = generator.sample(range(N_FACTS), 2)
            chosen = dict(zip((*PEOPLE, *HELD), (*people, *held), strict=True)) | {"query": held[correct]}
            changed = {
                "query": {"query": held[other]},
                "things": {HELD[correct]: held[other], HELD[other]: held[correct]},
                "absent": {"query": absent},
            }[self.corruption]
            clean = fill(template, chosen)
            fact = {"correct_name": clean.spans[PEOPLE[correct]], "correct_thing": clean.spans[HELD[correct]]}
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[names[people[correct]]],
                wrong_answers=[names[person] for number, person in enumerate(people) if number != correct],
                roles=clean.roles(chosen) | fact,
                tokenizer=tokenizer,
            )

        return draw
