"""Indirect object identification (IOI): two names, one of them again; the answer is the other one.

"While Mary and John waited outside the museum, John showed the map to" -> " Mary"
Task and role names: Wang et al. 2022. The wording of the templates is our own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from circuits.citations import WANG_2023
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, known, single_token_words, words

# {A} and {B} are the two names in the order of the text; {S2} repeats one of them.
SENTENCES = (
    "On Monday {A} and {B} strolled through the {place}, and {S2} handed a {thing} to",
    "While {A} and {B} waited outside the {place}, {S2} showed the {thing} to",
    "Once {A} and {B} had finished lunch near the {place}, {S2} passed a {thing} to",
    "At the {place} {A} and {B} shared a table, until {S2} offered the {thing} to",
    "Last summer {A} and {B} visited a {place} together, where {S2} sold a {thing} to",
    "Everyone saw {A} and {B} at the {place} yesterday. Later {S2} mailed a {thing} to",
    "Because {A} and {B} were leaving the {place}, {S2} returned the {thing} to",
    "It was raining when {A} and {B} reached the {place}, so {S2} lent a {thing} to",
    "The teacher noticed {A} and {B} behind the {place}. Then {S2} threw the {thing} to",
    "Before {A} and {B} said goodbye at the {place}, {S2} promised a {thing} to",
    "Inside the old {place} {A} and {B} discovered a {thing}, which {S2} gave to",
    "As soon as {A} and {B} entered the {place}, {S2} brought the {thing} to",
    "In the evening {A} and {B} cleaned the {place}. Afterwards {S2} carried a {thing} to",
    "During the trip {A} and {B} stopped at a {place}, and there {S2} described a {thing} to",
    "For an hour {A} and {B} worked in the {place}. Finally {S2} explained the {thing} to",
    "Since {A} and {B} both liked the {place}, {S2} sent a picture of the {thing} to",
    "Nobody else joined {A} and {B} at the {place}, therefore {S2} left the {thing} to",
    "Our neighbors {A} and {B} met by the {place}. That night {S2} read about a {thing} to",
)
# In words of the others: a tokenizer that knows those knows these.
HELD_OUT_SENTENCES = (
    "As soon as {A} and {B} reached the {place}, {S2} handed the {thing} to",
    "During the summer {A} and {B} worked near a {place}. Then {S2} showed a {thing} to",
    "Nobody noticed when {A} and {B} left the {place}, where {S2} offered a {thing} to",
    "In the old {place} {A} and {B} waited an hour, until {S2} brought a {thing} to",
)


def in_order(sentences: Sequence[str], first: str, second: str) -> tuple[str, ...]:
    """The templates of sentences whose two names stand in this order."""
    return tuple(s.replace("{A}", f"{{{first}}}").replace("{B}", f"{{{second}}}") for s in sentences)


ABBA, BABA = in_order(SENTENCES, "IO", "S1"), in_order(SENTENCES, "S1", "IO")

NAMES = words(
    """
    James John Robert Michael William David Richard Joseph Thomas Charles Mary Patricia Jennifer Linda
    Elizabeth Barbara Susan Jessica Sarah Karen Daniel Matthew Anthony Mark Paul Steven Andrew Kevin Brian
    George Edward Jason Ryan Jacob Eric Adam Peter Kyle Emily Anna Laura Alice Emma Amy Kate Rachel Helen
    Julia Maria Lisa Nancy Ruth Simon Martin Henry Jack Luke Sam Tom Ben Max Leo Lucy Jane
    """
)
PLACES = words(
    """
    store park school garden library station market museum beach bridge hospital restaurant castle farm lake
    church
    """
)
THINGS = words(
    """
    book ring key drink map ticket coin gift camera flower watch basket guitar jacket phone sandwich kite hat
    """
)


@dataclass(frozen=True)
class IndirectObject(Task):
    """IO and S in either order (ABBA, BABA), S again; answer IO, wrong answer S.

    `flip` changes the subject's second mention to the other name, so that the answer becomes S: clean and corrupt
    differ in one token, and the logit difference changes its sign. `abc` puts three different, unrelated names in the
    three places: nothing is repeated, and neither IO nor S is there to be named.
    """

    name: ClassVar[str] = "ioi"
    cites = (WANG_2023,)
    summary: ClassVar[str] = "two names, one of them repeated; the answer is the other one"
    corruptions: ClassVar[dict[str, str]] = {
        "flip": "the second mention of the subject becomes the indirect object: the answer flips",
        "abc": "three different names: nothing is repeated",
    }
    templates = ABBA + BABA
    right_roles, wrong_roles = "IO", "S1,S2"
    held_out_templates = in_order(HELD_OUT_SENTENCES, "IO", "S1") + in_order(HELD_OUT_SENTENCES, "S1", "IO")

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        names = single_token_words(NAMES, tokenizer, "names", at_least=5)
        templates = self.known_templates(tokenizer)
        places = known(PLACES, tokenizer, "places")
        things = known(THINGS, tokenizer, "things")

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            io, subject, *others = generator.sample(list(names), 5)
            fillers = {"place": generator.choice(places), "thing": generator.choice(things)}
            clean = fill(template, fillers | {"IO": io, "S1": subject, "S2": subject})
            changed = (
                {"IO": io, "S1": subject, "S2": io}
                if self.corruption == "flip"
                else dict(zip(("IO", "S1", "S2"), others, strict=True))
            )
            prompt = prompt_from_text(
                clean.text,
                fill(template, fillers | changed).text,
                answers=[names[io]],
                wrong_answers=[names[subject]],
                roles=clean.roles(("IO", "S1", "S2")),
                tokenizer=tokenizer,
            )
            after_s1 = (prompt.roles["S1"][-1] + 1,)
            return replace(prompt, roles={**prompt.roles, "S1+1": after_s1})

        return draw
