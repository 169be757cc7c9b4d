"""One JSON object of a line of a file of prompts or questions, checked for what JSON allows and no prompt may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from circuits.strict_json import kind_of

# Prompts have three levels, regions of images a few more.
_DEEPEST = 32
# A list or an object whose first text is in single quotes.
_SINGLE = re.compile(r"\s*[\[{]\s*'")


def parse_object(line: str | bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises a ValueError for what is no JSON object, a key that is given twice, objects or lists nested too deeply, and
    text with half of a surrogate pair, which is no character and which no tokenizer takes.
    """
    record = parse_value(line)
    if not isinstance(record, dict):
        raise ValueError(f"found {kind_of(record)}, expected a JSON object.")
    return record


def parse_value(text: str | bytes) -> Any:
    """Any JSON value, with the same checks."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}{_in_single_quotes(text)}") from None
    except RecursionError:
        raise ValueError(_too_deep()) from None
    _require_plain(value, 1)
    return value


def _in_single_quotes(text: str | bytes) -> str:
    """What to do with a value as Python writes it."""
    shown = text if isinstance(text, str) else text.decode(errors="replace")
    return ". JSON has texts in double quotes: write it with json.dumps." if _SINGLE.match(shown) else ""


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in pairs:
        if key in record:
            raise ValueError(f"key {key!r} is given twice: give it once.")
        record[key] = value
    return record


def _require_plain(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(_too_deep())
    if isinstance(value, str):
        half = next((character for character in value if "\ud800" <= character <= "\udfff"), None)
        if half is not None:
            raise ValueError(f"a text holds {half!r}, half of a surrogate pair and no character: leave it out.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _require_plain(key, depth)
            _require_plain(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _require_plain(inner, depth + 1)


def _too_deep() -> str:
    return f"lists and objects are nested more than {_DEEPEST} deep, which no prompt needs."
