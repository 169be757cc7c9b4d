"""A JSON array of objects, on any number of lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from circuits.data.json_lines import parse_object
from circuits.data.records.base import Entry, RecordFormat

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_REST = " What follows was not read."


class JsonArray(RecordFormat):
    """One array that holds all objects; each is called by the line on which it begins."""

    name, endings = "a JSON array", (".json",)

    def entries(self, text: str) -> Iterator[Entry]:
        at = _after_space(text, 0)
        if text[at : at + 1] != "[":
            yield Entry(1, None, "not a JSON array: expected '[' at its beginning.")
            return
        stop = _after_space(text, at + 1)
        if text[stop : stop + 1] == "]":
            return
        number, counted = 1, 0
        while text[at : at + 1] != "]":
            at = _after_space(text, at + 1)
            number, counted = number + len(_LINE_END.findall(text, counted, at)), at
            try:
                _, stop = json.JSONDecoder().raw_decode(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                # Where this object ends is not known, and so neither where the next one begins.
                said = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                yield Entry(number, None, f"not JSON: {said}.{_REST}")
                return
            yield _entry(number, text[at:stop])
            at = _after_space(text, stop)
            if text[at : at + 1] not in (",", "]") or at == len(text):
                yield Entry(number, None, f"not JSON: expected ',' or ']' after it.{_REST}")
                return
        if rest := text[at + 1 :].strip():
            number += len(_LINE_END.findall(text, counted, at))
            yield Entry(number, None, f"not JSON: {rest[:20]!r} after the end of the array.")


def _entry(number: int, text: str) -> Entry:
    try:
        return Entry(number, parse_object(text))
    except ValueError as error:
        return Entry(number, None, str(error))


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
