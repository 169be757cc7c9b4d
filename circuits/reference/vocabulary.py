"""The tokenizer of the reference models: one token a word, years in pairs of digits, a line break a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from circuits.tasks import Task, colored_objects, docstring, greater_than, induction, ioi
from circuits.tasks.base import fixed_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LEARNED: Mapping[str, type[Task]] = {
    task.name: task
    for task in (
        ioi.IndirectObject,
        colored_objects.ColoredObjects,
        greater_than.GreaterThan,
        docstring.Docstring,
        induction.Induction,
    )
}
"""The tasks that the reference models learn; their tokenizer knows no other words."""

END_OF_TEXT, UNKNOWN = "<|endoftext|>", "<unk>"

# Spaces are dropped, so that a word is the same token wherever it stands.
TOKEN = r'\n|"""|\d\d|\d|[A-Za-z]+|[^\sA-Za-z\d]'


def vocabulary() -> list[str]:
    """Every token, in the order of their ids: special ones, two-digit numbers, then all words of `LEARNED`."""
    templates = (*ioi.SENTENCES, colored_objects.QUESTION, greater_than.TEMPLATE, docstring.TEMPLATE)
    texts = [
        *map(fixed_text, templates),
        *ioi.NAMES,
        *ioi.PLACES,
        *ioi.THINGS,
        *colored_objects.SURFACES,
        *colored_objects.OPENINGS,
        *colored_objects.OBJECTS,
        *colored_objects.COLORS,
        *(color.title() for color in colored_objects.COLORS),
        *greater_than.NOUNS,
        *docstring.FUNCTIONS,
        *docstring.ARGUMENTS,
        *docstring.WORDS,
        "a an . , \n",
    ]
    tokens = {token for text in texts for token in re.findall(TOKEN, text)}
    return [END_OF_TEXT, UNKNOWN, *greater_than.TWO_DIGITS, *sorted(tokens)]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The word-level tokenizer over `vocabulary`; unknown words become `<unk>`."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    tokens = {token: number for number, token in enumerate(vocabulary())}
    tokenizer = Tokenizer(WordLevel(tokens, unk_token=UNKNOWN))
    # Inverted: what matches is kept and what stands between, the spaces, is removed.
    tokenizer.pre_tokenizer = Split(Regex(TOKEN), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )
