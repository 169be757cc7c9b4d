"""Antonyms in context: three pairs of opposites, then a word; the answer is its opposite.

"It is either big or small. It is either up or down. It is either early or late. It is either hot or" -> " cold"
Used in context by Todd et al. 2023 (function vectors). The pairs and the wording are our own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import TODD_2024
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, single_token_words, words

_PAIRS = words(
    """
    hot-cold big-small up-down good-bad fast-slow high-low old-young rich-poor strong-weak light-dark black-white
    left-right open-closed full-empty happy-sad hard-soft long-short early-late wet-dry clean-dirty true-false
    inside-outside first-last easy-difficult loud-quiet alive-dead safe-dangerous wide-narrow thick-thin public-private
    ancient-modern positive-negative simple-complex active-passive top-bottom upper-lower internal-external north-south
    east-west
    """
)
PAIRS = [(one, other) for one, _, other in (pair.partition("-") for pair in _PAIRS)]
N_EXAMPLES = 3
_AT_LEAST_PAIRS = 8


@dataclass(frozen=True)
class Antonym(Task):
    """Three examples, then the word asked about; wrong answers are the word itself and what the examples answered.

    Either word of a pair may be asked about. Templates are the sentence of one pair; that of the query ends before its
    second word.
    """

    name: ClassVar[str] = "antonym"
    cites = (TODD_2024,)
    summary: ClassVar[str] = "three pairs of opposites and a word; the answer is the word's opposite"
    corruptions: ClassVar[dict[str, str]] = {
        "word": "another word is asked about: the answer is its opposite",
        "examples": "the examples' second words become words that are not the opposite of the first",
        "repeat": "the examples repeat their first word, so that the word itself follows",
    }
    templates = (
        "It is either {given} or {said}.",
        "Nobody could tell whether it was {given} or {said}.",
        "The opposite of {given} is {said}.",
        "I thought it was {given}, but it was {said}.",
        "This one is {given}, that one is {said}.",
    )
    held_out_templates = (
        "She asked me if it was {given} or {said}.",
        "Some of them are {given}, the others are {said}.",
    )

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        templates = [in_context(sentence) for sentence in self.known_templates(tokenizer)]
        tokens = single_token_words(
            [word for pair in PAIRS for word in pair], tokenizer, "words", at_least=2, after=("or", "is", "was")
        )
        usable = [pair for pair in PAIRS if set(pair) <= tokens.keys()]
        if len(usable) < _AT_LEAST_PAIRS:
            raise ValueError(
                f"needs at least {_AT_LEAST_PAIRS} pairs of opposites of one token each, such as 'hot' and 'cold'; "
                f"found {len(usable)} of {len(PAIRS)}."
            )

        def draw(generator: random.Random) -> Prompt:
            template = generator.choice(templates)
            drawn = [tuple(generator.sample(pair, 2)) for pair in generator.sample(usable, 2 * N_EXAMPLES + 1)]
            examples, (query, answer), others = drawn[:N_EXAMPLES], drawn[N_EXAMPLES], drawn[N_EXAMPLES + 1 :]
            chosen = {"query": query} | example_words([given for given, _ in examples], [said for _, said in examples])
            changed = {
                "word": {"query": others[0][0]},
                "examples": {f"said_{n}": said for n, (_, said) in enumerate(others, start=1)},
                "repeat": {f"said_{n}": given for n, (given, _) in enumerate(examples, start=1)},
            }[self.corruption]
            clean = fill(template, chosen)
            return prompt_from_text(
                clean.text,
                fill(template, chosen | changed).text,
                answers=[tokens[answer]],
                wrong_answers=[tokens[query], *(tokens[said] for _, said in examples)],
                roles=clean.roles(chosen),
                tokenizer=tokenizer,
            )

        return draw


def in_context(sentence: str) -> str:
    """The template of a whole prompt: the sentence for three examples, and its beginning for the query."""
    examples = [
        sentence.replace("{given}", f"{{given_{n}}}").replace("{said}", f"{{said_{n}}}")
        for n in range(1, N_EXAMPLES + 1)
    ]
    query, _, _ = sentence.replace("{given}", "{query}").partition(" {said}")
    return " ".join([*examples, query])


def example_words(given: list[str], said: list[str]) -> dict[str, str]:
    """The words of the examples, by slot."""
    numbers = range(1, N_EXAMPLES + 1)
    return {f"given_{n}": word for n, word in zip(numbers, given, strict=True)} | {
        f"said_{n}": word for n, word in zip(numbers, said, strict=True)
    }
