"""Text for terminals, which obey some characters instead of showing them."""

from __future__ import annotations

import re

# Controls but tabs and ends of lines, and what turns the direction of writing around.
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""A text with what a terminal would obey as its escape: names of files, prompts and models are other people's.

    >>> from circuits.visible_text import visible
    >>> visible("run \x1b[2J\u202eioi")
    'run \\x1b[2J\\u202eioi'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
