"""Docstring: the documentation of a function names its arguments in order; the answer is the next one.

def load(self, size, path, node, group):
    \"\"\"river summer paper

    :param size: energy window
    :param path: metal doctor
    :param                              -> " node"
Form: Heimersheim & Janiak 2023. The words are our own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from circuits.citations import HEIMERSHEIM_2023
from circuits.data.prompts import Prompt
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import Tokenizer
from circuits.tasks.base import Draw, Task, fill, known, one_of, single_token_words, words

TEMPLATE = (
    "def {function}(self, {A_def}, {B_def}, {C_def}, {D_def}):\n"
    '    """{doc_1} {doc_2} {doc_3}\n\n'
    "    :param {A_doc}: {doc_4} {doc_5}\n"
    "    :param {B_doc}: {doc_6} {doc_7}\n"
    "    :param"
)
# The same words in descriptions of other lengths.
HELD_OUT_TEMPLATES = (
    "def {function}(self, {A_def}, {B_def}, {C_def}, {D_def}):\n"
    '    """{doc_1} {doc_2}\n\n'
    "    :param {A_doc}: {doc_3}\n"
    "    :param {B_doc}: {doc_4}\n"
    "    :param",
    "def {function}(self, {A_def}, {B_def}, {C_def}, {D_def}):\n"
    '    """{doc_1}\n\n'
    "    :param {A_doc}: {doc_2} {doc_3} {doc_4}\n"
    "    :param {B_doc}: {doc_5} {doc_6} {doc_7}\n"
    "    :param",
)
FUNCTIONS = words(
    """
    load port parse build fetch update check merge render convert filter reset start close store scan
    """
)
ARGUMENTS = words(
    """
    size name path file line node group user value field mode text image label shape level date time month
    state code order limit count width height depth source target model host page item event folder query
    """
)
WORDS = words(
    """
    river summer paper energy window metal doctor music winter silver engine forest island butter planet
    history science weather animal cotton market bridge garden station
    """
)

DEFINED = ("A_def", "B_def", "C_def", "D_def")
DOCUMENTED = ("A_doc", "B_doc")


@dataclass(frozen=True)
class Docstring(Task):
    """Four arguments, two documented; answer the third, wrong answers the other three.

    The corrupt prompt replaces argument names by ones that occur nowhere in the clean prompt, all of them different, so
    that the documentation no longer follows the definition. `random-random` is the published random_random corruption.
    """

    name: ClassVar[str] = "docstring"
    cites = (HEIMERSHEIM_2023,)
    summary: ClassVar[str] = "a function's documented arguments; the answer is the next one of its definition"
    corruptions: ClassVar[dict[str, str]] = {
        "random-random": "all argument names become random ones, different in definition and documentation",
        "random-def": "the argument names of the definition become random ones",
        "random-doc": "the argument names of the documentation become random ones",
    }
    templates = (TEMPLATE,)
    held_out_templates = HELD_OUT_TEMPLATES

    def sampler(self, tokenizer: Tokenizer) -> Draw:
        at_least = len(DEFINED) + len(DEFINED) + len(DOCUMENTED)
        arguments = single_token_words(
            ARGUMENTS, tokenizer, "argument names", at_least=at_least, after=("(self,", "\n    :param")
        )
        templates = self.known_templates(tokenizer)
        functions, fillers = known(FUNCTIONS, tokenizer, "functions"), known(WORDS, tokenizer, "words", at_least=7)

        def draw(generator: random.Random) -> Prompt:
            template = one_of(templates, generator)
            drawn = generator.sample(list(arguments), at_least)
            names, random_defined, random_documented = drawn[:4], drawn[4:8], drawn[8:]
            frame = {"function": generator.choice(functions)}
            frame |= {f"doc_{number}": word for number, word in enumerate(generator.sample(fillers, 7), start=1)}
            clean = fill(template, frame | argument_words(names, names[:2]))
            corrupt = argument_words(
                names if self.corruption == "random-doc" else random_defined,
                names[:2] if self.corruption == "random-def" else random_documented,
            )
            return prompt_from_text(
                clean.text,
                fill(template, frame | corrupt).text,
                answers=[arguments[names[2]]],
                wrong_answers=[arguments[name] for name in names if name != names[2]],
                roles=clean.roles((*DEFINED, *DOCUMENTED)),
                tokenizer=tokenizer,
            )

        return draw


def argument_words(defined: Sequence[str], documented: Sequence[str]) -> dict[str, str]:
    """The words of `TEMPLATE` that name arguments."""
    return dict(zip((*DEFINED, *DOCUMENTED), (*defined, *documented), strict=True))
