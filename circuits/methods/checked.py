"""Settings of methods that people make by hand: of the wrong type, or of no such name, they are refused by name."""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from circuits.lookup import unknown
from circuits.visible_text import value_text

_TYPES: Mapping[str, tuple[type, str]] = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "bool": (bool, "True or False"),
    "str": (str, "a text"),
}
"""Types of settings as they are written, with what is taken for them and how that is called."""


class CheckedSettings(ABCMeta):
    """The type of dataclasses whose settings are checked before they are made: a ValueError in place of a TypeError."""

    if not TYPE_CHECKING:  # type checkers know what a dataclass takes

        def __call__(cls, *given: Any, **named: Any) -> Any:
            fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
            what = getattr(cls, "name", cls.__name__)
            if len(given) > len(fields):
                raise ValueError(f"{what} has {len(fields)} settings, and {len(given)} are given.")
            if wrong := [name for name in named if name not in fields]:
                raise ValueError(unknown(wrong[0], fields, f"setting of {what}"))
            for name, value in {**dict(zip(fields, given, strict=False)), **named}.items():
                _require_type(what, name, value, str(fields[name].type))
            return super().__call__(*given, **named)


def _require_type(what: str, name: str, value: object, written: str) -> None:
    """ValueError for a value that is none of a type of one of `_TYPES`; others are for each method to check."""
    wanted, _, rest = written.partition(" | ")
    if wanted not in _TYPES or rest not in ("", "None") or (rest and value is None):
        return
    kind, words = _TYPES[wanted]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{what}: {name}={value_text(value)} is not {words}.")
