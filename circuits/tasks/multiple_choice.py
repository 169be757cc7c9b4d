"""Multiple choice: four lettered words and one of them again; the answer is its letter.

"Which option is the word metal? A: river B: metal C: paper D: music Answer:" -> " B"
Form: Lieberum et al. 2023, reduced to a word that has to be found again. The words are our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.data.prompts import Prompt, Tokenizer, prompt_from_text
from circuits.tasks.base import Draw, Task, fill, single_token_words
from circuits.tasks.docstring import WORDS

LETTERS = ("A", "B", "C", "D")
OPTIONS = tuple(f"option_{letter}" for letter in LETTERS)
_LIST = " A: {option_A} B: {option_B} C: {option_C} D: {option_D}"


@dataclass(frozen=True)
class MultipleChoice(Task):
    """Four options and the word of one of them; answer its letter, wrong answers the other three letters.

    Roles: `query` is the word asked for, `correct_option` the option that repeats it.
    """

    name: ClassVar[str] = "multiple-choice"
    summary: ClassVar[str] = "four lettered words and one of them again; the answer is its letter"
    corruptions: ClassVar[dict[str, str]] = {
        "query": "the word of another option is asked for: the answer is that one's letter",
        "options": "the correct option changes places with another one: the answer is the other letter",
        "absent": "the word asked for is none of the options",
    }
    templates = (
        f"Which option is the word {{query}}?{_LIST} Answer:",
        f"Find the word {{query}} among the options.{_LIST} The letter is:",
        f"Question: Where is {{query}}?{_LIST} Answer:",
    )
    held_out_templates = (
        f"Choose the option that says {{query}}.{_LIST} Answer:",
        f"One of these is {{query}}.{_LIST} Which letter is it? It is:",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = self.known_templates(tokenizer)
        options = list(single_token_words(WORDS, tokenizer, "words", at_least=len(LETTERS) + 1))
        letters = list(single_token_words(LETTERS, tokenizer, "letters", at_least=len(LETTERS), after=(":",)).values())

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            *drawn, absent = generator.sample(options, len(LETTERS) + 1)
            correct, other = generator.sample(range(len(LETTERS)), 2)
            chosen = {"query": drawn[correct]} | dict(zip(OPTIONS, drawn, strict=True))
            changed = {
                "query": {"query": drawn[other]},
                "options": {OPTIONS[correct]: drawn[other], OPTIONS[other]: drawn[correct]},
                "absent": {"query": absent},
            }[self.corruption]
            clean = fill(template, chosen)
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[letters[correct]],
                wrong_answers=[letter for number, letter in enumerate(letters) if number != correct],
                roles=clean.roles(chosen) | {"correct_option": clean.spans[OPTIONS[correct]]},
                tokenizer=tokenizer,
            )

        return draw
