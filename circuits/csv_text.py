"""Tables as CSV: what every table of results is written with."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable
from typing import Any

_BEGINS_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    r"""Rows as lines of CSV; None is an empty cell.

    A text that a spreadsheet would take for a formula, and carry out, has an apostrophe before it: names of prompts,
    texts and models are other people's. Numbers are written as they are. Half a character, which no file of text can
    hold, is written as its escape.

    >>> from circuits.csv_text import csv_text
    >>> csv_text([("name", "score"), ("=1+1", -0.5), ("-0.5", None)])
    "name,score\n'=1+1,-0.5\n-0.5,\n"
    """
    return delimited(([_cell(value) for value in row] for row in rows), ",")


def delimited(rows: Iterable[Iterable[Any]], separator: str) -> str:
    r"""Rows as lines of cells, which are read as they were, whatever they hold; None is an empty cell.

    >>> from circuits.csv_text import delimited
    >>> delimited([("a", "b"), ("1\r2", None)], ",")
    'a,b\n"1\r2",\n'
    """
    lines = _Lines()
    # The writer puts into quotes what its own ends of lines would be taken for, and no other end.
    csv.writer(lines, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return "".join(f"{line}\n" for line in lines)


class _Lines(list[str]):
    """What a writer writes, a line each, without their ends."""

    def write(self, line: str) -> None:
        """Keep a line."""
        self.append(line.removesuffix("\r\n"))


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    whole = value.encode("utf-8", "backslashreplace").decode()
    return f"'{whole}" if _is_formula(whole) else whole


def _is_formula(text: str) -> bool:
    if not text.startswith(_BEGINS_FORMULAS) or len(text) == 1:
        return False
    with contextlib.suppress(ValueError):
        float(text)
        return False
    return True
