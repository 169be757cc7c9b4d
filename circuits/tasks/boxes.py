"""Boxes: five things in five labeled boxes; the answer is what the box asked about contains.

"The key is in box F, the map is in box A, ... Box A contains the" -> " map"
Form: Kim & Schuster 2023 (entity tracking), patched by Prakash et al. 2024. The wording is our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import KIM_2023, PRAKASH_2024
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words
from circuits.tasks.ioi import THINGS

N_BOXES = 5
LABELS = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")
BOXED = tuple(f"thing_{number}" for number in range(1, N_BOXES + 1))
BOXES = tuple(f"label_{number}" for number in range(1, N_BOXES + 1))


def _sentence(where: str) -> str:
    return ", ".join(f"the {{{thing}}} {where} {{{label}}}" for thing, label in zip(BOXED, BOXES, strict=True))


@dataclass(frozen=True)
class Boxes(Task):
    """Five things in five boxes, and one box again; answer its thing, wrong answers the other four.

    Roles: `query` is the label in the question, `correct_label` and `correct_thing` its box.
    """

    name: ClassVar[str] = "boxes"
    cites = (KIM_2023, PRAKASH_2024)
    summary: ClassVar[str] = "five things in labeled boxes; the answer is what one of the boxes contains"
    corruptions: ClassVar[dict[str, str]] = {
        "query": "another box is asked about: the answer is the thing in it",
        "labels": "two boxes exchange their labels, one of them the box asked about: the answer flips",
        "absent": "a box is asked about that the sentence does not name",
    }
    templates = (
        f"We know that {_sentence('is in box')}. Box {{query}} contains the",
        f"On the table {_sentence('lies in box')}. Inside box {{query}} there is the",
        f"They say that {_sentence('was put into box')}. In box {{query}} is the",
    )
    held_out_templates = (
        f"In the room {_sentence('stays in box')}. Box {{query}} holds the",
        f"She wrote that {_sentence('fits in box')}. If you open box {{query}} you find the",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        things = single_token_words(THINGS, tokenizer, "things", at_least=N_BOXES)
        labels = list(single_token_words(LABELS, tokenizer, "labels", at_least=N_BOXES + 1, after=("box", "Box")))

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            boxed = generator.sample(list(things), N_BOXES)
            *boxes, absent = generator.sample(labels, N_BOXES + 1)
            correct, other = generator.sample(range(N_BOXES), 2)
            chosen = dict(zip((*BOXED, *BOXES), (*boxed, *boxes), strict=True)) | {"query": boxes[correct]}
            changed = {
                "query": {"query": boxes[other]},
                "labels": {BOXES[correct]: boxes[other], BOXES[other]: boxes[correct]},
                "absent": {"query": absent},
            }[self.corruption]
            clean = fill(template, chosen)
            box = {"correct_thing": clean.spans[BOXED[correct]], "correct_label": clean.spans[BOXES[correct]]}
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[things[boxed[correct]]],
                wrong_answers=[things[thing] for number, thing in enumerate(boxed) if number != correct],
                roles=clean.roles(chosen) | box,
                tokenizer=tokenizer,
            )

        return draw
