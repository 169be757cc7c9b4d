"""`circuits prompts new FILE`: a prompt file to begin with.

JSON has no comments, and a file with any would be readable here alone. A key `comment` says what to do instead: every
program reads it, in every format, and prompts do not hold it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def template_records() -> list[dict[str, Any]]:
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


def write_template(path: Path) -> None:
    """Write a template in the format of the file's ending. ValueError for another ending, or where a file stands."""
    made = lookup(FORMATS, path.suffix.lower(), "ending of a prompt file")
    if path.exists():
        raise ValueError(f"{path} is there already, and stays as it is: give another name.")
    replace_file(path, made.written(template_records()).encode())
