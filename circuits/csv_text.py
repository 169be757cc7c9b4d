"""Tables as CSV: what every table of results is written with."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable
from io import StringIO
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
    return "".join(_line(row, separator) for row in rows)


def _line(row: Iterable[Any], separator: str) -> str:
    text = StringIO(newline="")
    # The writer puts into quotes what its own ends of lines would be taken for, and no other end.
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerow(row)
    return f"{text.getvalue().removesuffix(chr(13) + chr(10))}\n"


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
