"""Capital of a country: a fact that the model has to know.

"The capital of France is" -> " Paris"
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words, words, words_in_tokens

CAPITALS = {
    country: capital
    for country, _, capital in (
        pair.partition("-")
        for pair in words(
            """
            France-Paris Germany-Berlin Italy-Rome Spain-Madrid England-London Russia-Moscow Japan-Tokyo China-Beijing
            Egypt-Cairo Greece-Athens Austria-Vienna Ireland-Dublin Portugal-Lisbon Poland-Warsaw Hungary-Budapest
            Sweden-Stockholm Norway-Oslo Denmark-Copenhagen Finland-Helsinki Turkey-Ankara Iran-Tehran Iraq-Baghdad
            Syria-Damascus Cuba-Havana Canada-Ottawa Peru-Lima Chile-Santiago Kenya-Nairobi Thailand-Bangkok
            Vietnam-Hanoi Belgium-Brussels Scotland-Edinburgh Wales-Cardiff Australia-Canberra Lebanon-Beirut
            Afghanistan-Kabul Pakistan-Islamabad Nepal-Kathmandu Indonesia-Jakarta Venezuela-Caracas Qatar-Doha
            Ghana-Accra Romania-Bucharest Bulgaria-Sofia Serbia-Belgrade Croatia-Zagreb Morocco-Rabat
            """
        )
    )
}
OTHER_RELATIONS = words("language history president culture coast flag weather economy")
NOT_COUNTRIES = words("music summer water winter school coffee bread paper time money football science")
_AT_LEAST_COUNTRIES = 5


@dataclass(frozen=True)
class Capital(Task):
    """A country; answer its capital, wrong answers the capitals of all other countries of the list.

    Only countries are used of which both names are one token. With `long_answers`, capitals may have several, and the
    wrong answer is the capital of one other country, because each of several tokens takes a run of its own.
    """

    name: ClassVar[str] = "capital"
    summary: ClassVar[str] = "a country; the answer is its capital"
    corruptions: ClassVar[dict[str, str]] = {
        "country": "another country: the answer is its capital",
        "relation": "something else of the same country is asked for, such as its language",
        "no-country": "the country becomes a word that names none",
    }
    long_answers: bool = False  # whether capitals may have several tokens; for metrics of probabilities alone

    templates = (
        "The {relation} of {country} is",
        "Everybody knows that the {relation} of {country} is",
        "On the map we saw that the {relation} of {country} is",
        "Question: What is the {relation} of {country}?\nAnswer:",
        "In school they learned that the {relation} of {country} is called",
        "She answered that the {relation} of {country} is the city of",
        "If I remember it well, the {relation} of {country} is named",
        "Tell me the {relation} of {country}. It is",
    )
    held_out_templates = (
        "As far as I know, the {relation} of {country} is",
        "The guide explained that the {relation} of {country} is",
        "You should know by now that the {relation} of {country} is the city of",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        countries = single_token_words(list(CAPITALS), tokenizer, "countries", at_least=_AT_LEAST_COUNTRIES)
        said = (words_in_tokens if self.long_answers else single_token_words)(
            [CAPITALS[country] for country in countries],
            tokenizer,
            "capitals",
            at_least=_AT_LEAST_COUNTRIES,
            after=("is", "Answer:"),
        )
        usable = [country for country in countries if CAPITALS[country] in said]
        relations = list(single_token_words(("capital", *OTHER_RELATIONS), tokenizer, "relations", at_least=2))
        if relations[0] != "capital":
            raise ValueError("needs 'capital' as one token.")
        nouns = (
            list(single_token_words(NOT_COUNTRIES, tokenizer, "words for no country", at_least=2))
            if self.corruption == "no-country"
            else []
        )

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            country, other = generator.sample(usable, 2)
            chosen = {"relation": "capital", "country": country}
            changed = {
                "country": lambda: {"country": other},
                "relation": lambda: {"relation": generator.choice(relations[1:])},
                "no-country": lambda: {"country": generator.choice(nouns)},
            }[self.corruption]()
            clean = fill(template, chosen)
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[said[CAPITALS[country]]],
                wrong_answers=[
                    said[CAPITALS[wrong]] for wrong in ([other] if self.long_answers else usable) if wrong != country
                ],
                roles=clean.roles(("relation", "country")),
                tokenizer=tokenizer,
            )

        return draw
