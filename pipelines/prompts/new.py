"""`circuits prompts new FILE`: a prompt file, or a template, to begin with.

JSON has no comments, and a file with any would be readable here alone. A key `comment` says what to do instead: every
program reads it, in every format, and prompts do not hold it. YAML, of which templates are, has comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from circuits.data import templates
from circuits.data.records import FORMATS
from circuits.files import replace_file
from circuits.lookup import lookup

# Of words that the bundled models know as well.
_TEXT = "Because {one} and {two} were leaving the bridge , {giver} returned the sandwich to"
_NAMES = (("David", "Martin"), ("Martin", "David"))
_COMMENTS = (
    "One pair a line. clean and corrupt need equally many tokens; answers are as they follow the prompt, most often "
    "with a space in front. `circuits prompts check FILE --model M` shows what the model sees.",
    "wrong_answers, roles and comment may be left out. A role is a word of the clean prompt, its first occurrence, or "
    "a list of positions, such as [1]; name what you want to ask about.",
)


_TEMPLATE = """\
# `circuits prompts check FILE --model M` shows what the model sees of these prompts and whether it answers them;
# `circuits discover FILE --model M --prompts 64` draws 64 of them.

# {list:ROLE} is a word of a list below, and ROLE is what its tokens are called. {S1:S2} is the word of S1 again.
# Slots of one list never hold the same word. Give one template, or several: each has its share of the prompts.
templates:
  - "Because {name:IO} and {name:S1} were leaving the {place} , {S1:S2} returned the {thing} to"
  - "As soon as {name:S1} and {name:IO} entered the {place} , {S1:S2} brought the {thing} to"

# A list of words; of words that have kinds {kind: [words]}, or [{singular: key, plural: keys}] for one word in each.
words:
  name: [David, Martin, Simon, Anna, Emily, Lisa, Peter, Laura]
  place: [bridge, park, store, museum]
  thing: [sandwich, book, drink, map]

# What a slot holds in the corrupt prompt: another slot's word, `another word` of its list, `another kind` of its word,
# or `another word of another kind`. Clean and corrupt need equally many tokens.
corrupt:
  S2: IO

# As they follow the prompt, most often with a space in front. {IO} is the word of a slot. An answer that goes by the
# kind of a slot's word: {S: {singular: " is", plural: " are"}}. Without wrong_answers, the corrupt prompt's answers.
answers: " {IO}"
wrong_answers: " {S1}"

# Words that do not fit a model, because they have another number of tokens than most, are refused by name. With
# `leave_out: unequal` they are left out, and with `leave_out: several tokens` all words of more than one token.

# One half of the prompts chooses a circuit and the other judges it. Each has words of its own, every second one of a
# list, so that the circuit is not one of these words alone; without this line both are drawn from all of them.
halves: apart
"""


def new_records() -> list[dict[str, Any]]:
    """Pairs of prompts that every bundled model of language can read, with comments for people."""
    return [
        {
            "clean": _TEXT.format(one=one, two=two, giver=one),
            "corrupt": _TEXT.format(one=one, two=two, giver=two),
            "answers": [f" {two}"],
            "wrong_answers": [f" {one}"],
            "roles": {"S": one, "IO": two},
            "comment": comment,
        }
        for (one, two), comment in zip(_NAMES, _COMMENTS, strict=True)
    ]


def write_new(path: Path) -> None:
    """Write what the file's ending says. ValueError for another ending, or where a file stands."""
    texts = {ending: made.written(new_records()) for ending, made in FORMATS.items()}
    text = lookup(texts | dict.fromkeys(templates.ENDINGS, _TEMPLATE), path.suffix.lower(), "ending of a prompt file")
    if path.exists():
        raise ValueError(f"{path} is there already, and stays as it is: give another name.")
    replace_file(path, text.encode())
