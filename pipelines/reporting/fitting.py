"""Columns of texts in tables that fit into a width: broken between words, and into several tables where need be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from rich.cells import cell_len

_FRAME = 3  # of a column: a line and two spaces
_PIECE = 10  # of a word that is broken, the least that stands in a line
# Words, intervals, and a few numbers in parentheses are not broken.
_NUMBERS = re.compile(r"[-+.,%0-9einf\[(\])<=>p ]+")
_WHOLE = re.compile(r"\[[-+.,%0-9inf ]*\]\S*|\((?=[^()]*\d)[^()]{,24}\)\S*|\S+")


class Fitted(NamedTuple):
    """A heading and the texts below it, in lines of at most a width."""

    texts: list[str]
    width: int


def in_room(columns: Sequence[Sequence[str]], room: int | None, *, is_strict: bool = True) -> Iterator[list[Fitted]]:
    """Columns in tables that fit into a room, each as wide as its texts ask for; None: there is room for all.

    Where breaking between words is not enough, columns follow in further tables, which all begin with the first columns
    that tell rows apart; where that is not enough either, words are broken. What has no room even so is wider.

    is_strict  else it is one table of whole words, which may be wider than the room
    """
    for some in _side_by_side(columns, room) if room is not None and is_strict else [columns]:
        widths = [max(cell_len(line) for text in column for line in ("", *text.split("\n"))) for column in some]
        if room is not None:
            for least in (longest, _longest_number) if is_strict else (longest,):
                widths = _narrowed(widths, list(map(least, some)), _inside(room, len(some)))
        yield [
            Fitted([_filled(text, width) for text in column], width) for column, width in zip(some, widths, strict=True)
        ]


def table_width(widths: Iterable[int]) -> int:
    """Of a table of columns of these widths."""
    return 1 + sum(width + _FRAME for width in widths)


def longest(column: Sequence[str]) -> int:
    """Of the parts that are not broken, in terminal cells."""
    return max(map(cell_len, _parts(column)))


def _longest_number(column: Sequence[str]) -> int:
    """Of the parts that are never broken: what is longer and no number is broken at last."""
    return max(cell_len(part) if _NUMBERS.fullmatch(part) else min(cell_len(part), _PIECE) for part in _parts(column))


def _parts(column: Sequence[str]) -> Iterator[str]:
    return (part for text in column for part in ("", *_WHOLE.findall(text)))


def _inside(room: int, n_columns: int) -> int:
    """What the lines between columns leave of a room for texts."""
    return room - table_width([0] * n_columns)


def _side_by_side(columns: Sequence[Sequence[str]], room: int) -> list[list[Sequence[str]]]:
    """Columns in as many tables as a room asks for, in their order."""
    n_keys = next((n for n in range(1, len(columns)) if _tell_apart(columns[:n])), 1)
    tables = [list(columns[:n_keys])]
    for column in columns[n_keys:]:
        wider = [*tables[-1], column]
        if len(tables[-1]) > n_keys and sum(map(longest, wider)) > _inside(room, len(wider)):
            tables.append([*columns[:n_keys], column])
        else:
            tables[-1] = wider
    return tables


def _tell_apart(columns: Sequence[Sequence[str]]) -> bool:
    rows = list(zip(*(column[1:] for column in columns), strict=True))
    return len(set(rows)) == len(rows)


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fit into a room, or are the least: a column gives as long as it is the widest that can."""
    narrowed = list(widths)
    while sum(narrowed) > room and narrowed != list(least):
        able = [number for number, width in enumerate(narrowed) if width > least[number]]
        narrowed[max(able, key=lambda number: narrowed[number])] -= 1
    return narrowed


def _filled(text: str, width: int) -> str:
    """A text in lines of at most a width."""
    return "\n".join(filled for line in text.split("\n") for filled in _lines(line, width))


def _pieces(part: str, width: int) -> list[str]:
    """A part in pieces of at most a width, in terminal cells."""
    pieces = [""]
    for letter in part:
        if cell_len(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _lines(line: str, width: int) -> list[str]:
    if cell_len(line) <= width:
        return [line]
    lines = [""]
    for part in chain.from_iterable(_pieces(part, width) for part in _WHOLE.findall(line)):
        longer = f"{lines[-1]} {part}" if lines[-1] else part
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [line for line in lines if line]
