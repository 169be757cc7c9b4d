"""Stored JSON, read as the standard has it: no NaN, no infinity, no key twice, no half of a character."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

_DEEPEST = 64  # the deepest that this package writes is a dozen


def parse_strictly(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises a ValueError that says what is wrong with anything that JSON does not allow, numbers beyond those of a float,
    keys that are given twice, nesting deeper than any stored result, and text that cannot be written again.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON, or cut short ({error})") from None
    except RecursionError:
        raise ValueError(f"nested more than {_DEEPEST} deep") from None
    _require_writable(value, 0)
    return value


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
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"holds {digits}, which is too large for a number")
    return number


def _require_writable(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("holds half of a surrogate pair, which is no character")
    elif isinstance(value, (dict, list)):
        inner: Iterable[Any] = value if isinstance(value, list) else (*value, *value.values())
        for one in inner:
            _require_writable(one, depth + 1)
