"""Stored JSON, read as the standard has it: no NaN, no infinity, no key twice, no half of a character."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

_KINDS: Sequence[tuple[type | tuple[type, ...], str]] = (
    (dict, "a mapping"),
    (list, "a list"),
    (str, "a text"),
    (bool, "a truth value"),
    ((int, float), "a number"),
    (type(None), "nothing"),
)
_DIGITS = 300
_SHOWN = 40


def parse_strictly(text: str | bytes, *, constants: Mapping[str, Any] | None = None) -> Any:
    """The value of a JSON text.

    constants  what `NaN`, `Infinity` and `-Infinity` mean in files of other programs; those not named are refused

    Raises a ValueError that says what is wrong with anything that JSON does not allow, numbers beyond those of a float,
    keys that are given twice, nesting that no reader follows, and text that cannot be written again.
    """
    known = constants or {}

    def constant(name: str) -> Any:
        return known[name] if name in known else _refuse_constant(name)

    try:
        value = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=constant, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON, or cut short ({error})") from None
    except RecursionError:
        raise ValueError("nested more deeply than any stored result") from None
    if _may_hold_halves(text):
        _require_characters(value)
    return value


def kind_of(value: Any) -> str:
    """What a value is called to people who do not read Python.

    >>> from circuits.strict_json import kind_of
    >>> kind_of([]), kind_of(None)
    ('a list', 'nothing')
    """
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"key {twice!r} given twice")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        shown = digits if len(digits) <= _SHOWN else f"{digits[:_SHOWN]}..."
        raise ValueError(f"holds {shown}, which is too large for a number")
    return number


def _whole(digits: str) -> int:
    # Fewer digits always fit a float; more may, and Python reads no more than some thousands of them.
    if len(digits) > _DIGITS:
        _finite(digits)
    return int(digits)


def _may_hold_halves(text: str | bytes) -> bool:
    """Whether it holds an escape of a surrogate: only such a text has to be searched for half a pair."""
    return "\\ud" in text.lower() if isinstance(text, str) else b"\\ud" in text.lower()


def _require_characters(value: Any) -> None:
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("holds half of a surrogate pair, which is no character")
    elif isinstance(value, (dict, list)):
        inner: Iterable[Any] = value if isinstance(value, list) else (*value, *value.values())
        for one in inner:
            _require_characters(one)
