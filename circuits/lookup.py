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
    known = sorted({*known})
    meant = nearest(str(asked).replace("_", "-"), known) or nearest(str(asked), known)
    return f"no {what} {value_text(asked)}. Known: {', '.join(known)}.{'' if meant is None else meant_instead([meant])}"


def unknown_keys(asked: Iterable[str], known: Iterable[str], *, also: Iterable[str] = ()) -> str:
    """The message for keys that a record may not have: those that it may, and the nearest to each.

    also  what may have been meant beside the known ones
    """
    asked, known = list(asked), sorted(known)
    meant = dict.fromkeys(keys_meant(asked, {*known, *also}).values())
    return f"unknown key {', '.join(map(repr, asked))}; known: {known}.{meant_instead(meant)}"


def keys_meant(asked: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Key that is not known -> the known one that was probably meant; those that are near none are left out."""
    known = sorted(known)
    return {key: near for key in asked if (near := nearest(key, known, likeness=0.75)) is not None}


def missing_keys(missing: Iterable[str], given: Iterable[str]) -> str:
    """The message for keys that a record lacks: those that it has."""
    return f"{', '.join(map(repr, missing))} missing; found {sorted(given)}."


def not_one_of(key: str, given: object, known: Mapping[str, str]) -> str:
    """The message for a value that a key cannot hold: those that it can, what each means where that is said, and the
    nearest.

    >>> from circuits.lookup import not_one_of
    >>> not_one_of("side", "lft", {"left": "", "right": "of the clean text"})
    "'side' holds 'lft', expected 'left' or 'right' (of the clean text). Did you mean 'left'?"
    """
    values = [f"{value!r} ({meaning})" if meaning else repr(value) for value, meaning in known.items()]
    expected = " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))
    near = nearest(given, known, likeness=0.75) if isinstance(given, str) else None
    return f"{key!r} holds {value_text(given)}, expected {expected}.{'' if near is None else meant_instead([near])}"


def meant_instead(meant: Iterable[str]) -> str:
    """What was probably meant, as a question that follows a sentence; nothing where that is not known."""
    names = ", ".join(map(repr, meant))
    return f" Did you mean {names}?" if names else ""


def role_meant(asked: str, roles: Iterable[str]) -> str:
    """The question whether a role of the prompts was meant, behind the sentence that lists them; nothing where none is
    near. Roles are short: what has half of a name's letters is another one.

    >>> from circuits.lookup import role_meant
    >>> role_meant("rigth", ["right", "END"]), role_meant("S3", ["S1", "S2"])
    (" Did you mean 'right'?", '')
    """
    near = nearest(asked, roles, likeness=0.75)
    return "" if near is None else meant_instead([near])


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.5) -> str | None:
    """The known name that was probably meant, in capitals or not; None where none is near.

    >>> from circuits.lookup import nearest
    >>> nearest("pairs.jsnol", ["Pairs.jsonl", "other.csv"]), nearest("x", ["other.csv"])
    ('Pairs.jsonl', None)
    """
    in_lower_case = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), in_lower_case, n=1, cutoff=likeness)
    return in_lower_case[found[0]] if found else None


def lookup(registry: Mapping[str, Value], name: str, what: str) -> Value:
    """`registry[name]`; a ValueError that names the nearest entry where there is none."""
    try:
        return registry[name]
    except (KeyError, TypeError):  # what has no hash is no name
        raise ValueError(unknown(name, registry, what)) from None
