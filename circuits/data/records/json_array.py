"""A JSON array of objects, on any number of lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from circuits.data.json_lines import parse_object
from circuits.data.records.base import Entry, RecordFormat

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_REST = " What follows was not read."


class JsonArray(RecordFormat):
    """One array that holds all objects. Each is called by the line on which it begins; where two begin on one line, as
    in a file of a single line, all are called by their place in the array, from 1."""

    name, endings = "a JSON array", (".json",)
    form = "an array of JSON objects, such as [{}]"

    def entries(self, text: str) -> Iterator[Entry]:
        located = list(self._located(text))
        lines = [entry.number for entry, is_object in located if is_object]
        if len(set(lines)) == len(lines):
            return iter([entry for entry, _ in located])
        places = accumulate(int(is_object) for _, is_object in located)
        return iter([entry._replace(number=place) for (entry, _), place in zip(located, places, strict=True)])

    def _located(self, text: str) -> Iterator[tuple[Entry, bool]]:
        """What is found, by its line; and whether it is an object of the array, not what follows one."""
        at = _after_space(text, 0)
        if text[at : at + 1] != "[":
            yield Entry(1, None, "not a JSON array: expected '[' at its beginning."), True
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
                yield Entry(number, None, f"not JSON: {said}.{_REST}"), text[at : at + 1] != "]"
                return
            yield _entry(number, text[at:stop]), True
            at = _after_space(text, stop)
            if text[at : at + 1] not in (",", "]") or at == len(text):
                yield Entry(number, None, f"not JSON: expected ',' or ']' after it.{_REST}"), False
                return
        if rest := text[at + 1 :].strip():
            number += len(_LINE_END.findall(text, counted, at))
            yield Entry(number, None, f"not JSON: {rest[:20]!r} after the end of the array."), False

    def written(self, records: Sequence[Mapping[str, Any]]) -> str:
        return f"{json.dumps(records, ensure_ascii=False, indent=2)}\n"


def _entry(number: int, text: str) -> Entry:
    try:
        return Entry(number, parse_object(text))
    except ValueError as error:
        return Entry(number, None, str(error))


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
