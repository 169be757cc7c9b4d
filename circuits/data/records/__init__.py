"""FORMATS: the forms that a prompt file may have, one record after the other. To add one, write a file and list it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from circuits.data.records.base import Entry, RecordFormat, text_of
from circuits.data.records.json_array import JsonArray
from circuits.data.records.json_lines_file import JsonLines
from circuits.data.records.tables import Csv, Tsv

FORMATS: Mapping[str, RecordFormat] = {
    ending: made for made in (JsonLines(), JsonArray(), Csv(), Tsv()) for ending in made.endings
}
"""By the ending of a file's name."""


def entries_of(data: bytes, source: str) -> list[Entry]:
    """The records of a file's bytes.

    source  the file's name, which errors call it by, and whose ending says its format. A file of JSON is an array where
            it begins with `[`, and of any other ending it is JSONL

    Raises a ValueError where the bytes are no text in UTF-8.

    >>> from circuits.data.records import entries_of
    >>> [entry.record for entry in entries_of(b"prompt,label,answers\\nA,positive,' x| y'", "own.csv")]
    [{'prompt': 'A', 'label': 'positive', 'answers': ["' x", " y'"]}]
    """
    text = text_of(data, source)
    return list(format_of(text, source).entries(text))


def format_named(source: str) -> RecordFormat:
    """The format that a file's name says.

    >>> from circuits.data.records import format_named
    >>> format_named("own.tab").name, format_named("own.txt").name
    ('TSV', 'JSONL')
    """
    return FORMATS.get(PurePath(source).suffix.lower(), FORMATS[".jsonl"])


def format_of(text: str, source: str) -> RecordFormat:
    """The format of a text in a file of this name."""
    named = format_named(source)
    is_json = isinstance(named, (JsonLines, JsonArray))
    return FORMATS[".json" if text.lstrip().startswith("[") else ".jsonl"] if is_json else named
