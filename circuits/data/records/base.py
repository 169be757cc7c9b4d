"""What readers of record files share: entries, what a format is, and bytes as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

_ZIP = b"PK\x03\x04"


class Entry(NamedTuple):
    """One record of a file.

    number  the line on which it begins, from 1
    record  its keys and values, as JSON has them; None where it cannot be read
    fault   why it cannot be read
    empty   of a table: the keys whose cells are empty, and which the record therefore lacks
    """

    number: int
    record: dict[str, Any] | None
    fault: str = ""
    empty: tuple[str, ...] = ()


class RecordFormat(ABC):
    """A form that files of records have.

    name      what errors call it
    endings   of files in it
    form      what it has, with a place for the JSON of a record, which a table does without
    """

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    form: ClassVar[str]

    @abstractmethod
    def entries(self, text: str) -> Iterator[Entry]:
        """The records in a text, in their order; what cannot be read is an entry with its fault."""

    @abstractmethod
    def written(self, records: Sequence[Mapping[str, Any]]) -> str:
        """The text whose entries are these records."""


def text_of(data: bytes, source: str) -> str:
    """The text of a file's bytes, without a byte order mark.

    source  what errors call the file

    Raises a ValueError for what is not UTF-8; UTF-16 is named, which spreadsheets call "Unicode text".
    """
    if data.startswith(_ZIP):
        raise ValueError(
            f"cannot read the prompt file {source}: it is a spreadsheet, or another packed file. Save it as CSV."
        )
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in data[:64]:
        raise ValueError(f"cannot read the prompt file {source}: it is text in UTF-16. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"cannot read the prompt file {source}: it is no text in UTF-8 ({error.reason} at byte {error.start}). "
            "Save it as UTF-8."
        ) from None
