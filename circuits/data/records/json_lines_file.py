"""JSONL: one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circuits.data.json_lines import parse_object
from circuits.data.records.base import Entry, RecordFormat

_LINE_END = re.compile(r"\r\n|\r|\n")


class JsonLines(RecordFormat):
    """A JSON object on every line that is not empty."""

    name, endings = "JSONL", (".jsonl", ".ndjson")
    form = "one JSON object a line, such as {}"

    def entries(self, text: str) -> Iterator[Entry]:
        if (number := _line_of_long_object(text)) is not None:
            yield Entry(
                number,
                None,
                "an object stands on several lines, and in JSONL each has a line of its own (json.dumps without indent "
                "writes it so). Or put all of them in a list, [...], with commas between. What follows was not read.",
            )
            return
        # Other separators, such as U+2028, may stand in the strings of a line.
        for number, line in enumerate(_LINE_END.split(text), start=1):
            if line.strip():
                try:
                    yield Entry(number, parse_object(line))
                except ValueError as error:
                    yield Entry(number, None, str(error))

    def written(self, records: Sequence[Mapping[str, Any]]) -> str:
        return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def _line_of_long_object(text: str) -> int | None:
    """The line on which the first object begins, where it ends on another one; None where it does not."""
    begin = len(text) - len(text.lstrip())
    if text[begin : begin + 1] != "{" or not _LINE_END.search(text, begin):
        return None
    try:
        _, stop = json.JSONDecoder().raw_decode(text, begin)
    except (json.JSONDecodeError, RecursionError):
        return None
    return len(_LINE_END.findall(text, 0, begin)) + 1 if _LINE_END.search(text, begin, stop) else None
