"""Which combinations of words the reference models never saw together in training, by a rule anyone can recompute.

A combination is held out where the CRC-32 of its words, joined by "|", is divisible by ten. It is then absent from
all training prompts of the task, whatever their template and other words:

ioi              the two names, in alphabetical order (so in no template and no order)
colored-objects  a color and its object, in any place of either question
greater-than     the century and the year of the start year (so with no noun)
docstring        the second and the third argument of the definition
induction        the last token and the answer that followed it, next to each other
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from circuits.data.prompts import Prompt, PromptSet
from circuits.data.tokenizer import Tokenizer

ONE_IN = 10

# Roles whose tokens make up the combination that a prompt tests.
TESTED: Mapping[str, tuple[str, ...]] = {
    "ioi": ("IO", "S1"),
    "colored-objects": ("correct_color", "query"),
    "greater-than": ("XX", "YY"),
    "docstring": ("B_def", "C_def"),
    "induction": ("A", "B"),
}


def is_held_out(*words: str) -> bool:
    """Whether these words never stood together in training."""
    return zlib.crc32("|".join(words).encode()) % ONE_IN == 0


def is_held_out_pair(one: str, other: str) -> bool:
    """`is_held_out` where the order does not matter."""
    return is_held_out(*sorted((one, other)))


RULES: Mapping[str, Callable[..., bool]] = dict.fromkeys(TESTED, is_held_out) | {"ioi": is_held_out_pair}


def combination(task: str, prompt: Prompt, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The words that a prompt of `task` tests together."""
    ids = [prompt.clean[position] for role in TESTED[task] for position in prompt.roles[role]]
    return tuple(tokenizer.convert_ids_to_tokens(ids))


def held_out_prompts(prompts: PromptSet, tokenizer: Tokenizer) -> PromptSet:
    """Those of a task's prompts whose combination was held out of training."""
    rule = RULES[prompts.task]
    return PromptSet(prompts.task, tuple(p for p in prompts if rule(*combination(prompts.task, p, tokenizer))))
