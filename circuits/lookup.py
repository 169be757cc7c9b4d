"""Look-ups by name whose errors name what is known and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from circuits.visible_text import value_text

Value = TypeVar("Value")


class UnknownNameError(KeyError, ValueError):
    """A name that a mapping does not know: it says which are known. Both what mappings raise and what bad input is."""

    def __str__(self) -> str:
        return str(self.args[0])


def unknown(asked: object, known: Iterable[str], what: str) -> str:
    """The message for a name that is not known, or is no name: the known ones, and the nearest."""
    known, name = sorted(known), str(asked).lower()
    in_lower_case = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(name.replace("_", "-"), in_lower_case, n=1, cutoff=0.5)
    nearest = nearest or difflib.get_close_matches(name, in_lower_case, n=1, cutoff=0.5)
    hint = f" Did you mean {in_lower_case[nearest[0]]!r}?" if nearest else ""
    return f"no {what} {value_text(asked)}. Known: {', '.join(known)}.{hint}"


def lookup(registry: Mapping[str, Value], name: str, what: str) -> Value:
    """`registry[name]`; a ValueError that names the nearest entry where there is none."""
    try:
        return registry[name]
    except (KeyError, TypeError):  # what has no hash is no name
        raise ValueError(unknown(name, registry, what)) from None
