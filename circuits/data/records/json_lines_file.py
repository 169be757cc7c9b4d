"""JSONL: one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from circuits.data.json_lines import parse_object
from circuits.data.records.base import Entry, RecordFormat


class JsonLines(RecordFormat):
    """A JSON object on every line that is not empty."""

    name, endings = "JSONL", (".jsonl", ".ndjson")

    def entries(self, text: str) -> Iterator[Entry]:
        # Other separators, such as U+2028, may stand in the strings of a line.
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
            if line.strip():
                try:
                    yield Entry(number, parse_object(line))
                except ValueError as error:
                    yield Entry(number, None, str(error))
