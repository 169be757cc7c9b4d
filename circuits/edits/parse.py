"""Edits as text, `NAME [ROWS] [...]`: `set END color_* without correct_color`, `uniform END`, `scale END 0.5`."""

from __future__ import annotations

from circuits.edits.base import EDITS, Edit
from circuits.edits.places import ALL
from circuits.lookup import lookup


def edit_from(text: str) -> Edit:
    """The edit that a text says; without rows, of all rows. ValueError where it says none.

    >>> from circuits.edits import edit_from
    >>> edit_from("set END S1,S2").description
    'the row of END: all weight on S1, S2, with equal shares'
    """
    name, *words = text.split() or [""]
    rows, *more = words or [ALL]
    return lookup(EDITS, name, "edit").from_words(rows, more)
