"""What is shown to people: text for terminals, which obey some characters, and values in messages."""

from __future__ import annotations

import re
from typing import Any

# Controls but tabs and ends of lines, and what turns the direction of writing around.
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# Of a value in a message, characters that are shown.
_LONGEST = 300
# Longer than any path, option or name that somebody would want to see whole.
_LONG_WORD, _WORD_SHOWN = re.compile(r"\S{1000,}"), 80


def visible(text: str) -> str:
    r"""A text with what a terminal would obey as its escape: names of files, prompts and models are other people's.

    >>> from circuits.visible_text import visible
    >>> visible("run \x1b[2J\u202eioi")
    'run \\x1b[2J\\u202eioi'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def readable(message: str) -> str:
    """A message whose words a person can read: of longer ones, the beginning and the length."""
    return _LONG_WORD.sub(lambda word: f"{word[0][:_WORD_SHOWN]}... ({len(word[0]):,} characters)", message)


def value_text(value: Any) -> str:
    """A value as a message shows it: as it is written in Python, or of what is not written so, what it is.

    >>> from circuits.visible_text import value_text
    >>> value_text(["ioi", None]), value_text(object())
    ("['ioi', None]", 'an object of type object')
    """
    written = repr(value)
    is_plain = not written.startswith("<") and " at 0x" not in written and "<class " not in written
    if not is_plain:
        return _object_text(value)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}... ({len(written):,} characters)"


def typed_text(value: Any) -> str:
    """A value as a message shows it, with its type where what is shown does not say it.

    >>> from circuits.visible_text import typed_text
    >>> typed_text(7), typed_text(None)
    ('7 (int)', 'None')
    """
    shown = value_text(value)
    says_its_type = value is None or shown == _object_text(value)
    return shown if says_its_type else f"{shown} ({type(value).__name__})"


def _object_text(value: Any) -> str:
    return f"an object of type {type(value).__name__}"
