"""Rows of plain values as tables for people, and as CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from circuits.csv_text import csv_text
from circuits.intervals import Share
from circuits.numbers import number_text, telling
from circuits.quantities import QUANTITIES, Quantity
from circuits.visible_text import visible
from pipelines.reporting.fitting import in_room, table_width
from pipelines.reporting.p_values import DASH, Draws, is_least, p_shown

UNDEFINED = "not defined"
UNBOUNDED = "[-]"
_LEAST_WIDTH, _USUAL_WIDTH = 20, 80  # of a page: nobody means less by COLUMNS, which programs set to 0
SHARE = ".1%"
"""How shares of prompts, such as accuracy, are printed."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    heading   its title; in CSV its name, where no quantity has one
    path      where its value is in a row, such as `auroc.heads.by_mean`; by default the heading
    format    how its value is printed, as in f-strings
    interval  where the two ends of its interval are; in CSV they are columns of their own, at the end of the line
    cell      row -> what is shown, for a value that must be put together
    quantity  what is measured (`circuits.quantities`); None of what is not a measure, as a name
    draws     of a p-value: what it counts; None where it is none, or counts nothing
    footnote  row -> what is said of the cell below a table for a paper; None where there is nothing to say
    is_name   whether the heading is a name, as of a task, which tables for papers write as it is
    """

    heading: str
    path: str | None = None
    format: str = ""
    interval: str | None = None
    cell: Callable[[Row], Any] | None = None
    quantity: Quantity | None = None
    draws: Draws | None = None
    footnote: Callable[[Row], str | None] | None = None
    is_name: bool = False

    @property
    def name(self) -> str:
        """What it is called in CSV."""
        return self.heading if self.quantity is None else self.quantity.name

    def value(self, row: Row) -> Any:
        """The value in a row; None where it was not measured."""
        return value_at(row, self.path or self.heading) if self.cell is None else self.cell(row)

    def text(self, row: Row) -> str:
        """The value as a cell for people."""
        value = self.value(row)
        if value is None:
            return DASH
        if self.draws is not None:
            return p_shown(value, is_bound=is_at_floor(self, row))
        if isinstance(value, str) or self.interval is None:
            return value if isinstance(value, str) else number_text(value, self.format)
        return " ".join(value_and_ends(value, value_at(row, self.interval), self.format))


def measured(
    name: str,
    path: str | None = None,
    *,
    interval: str | None = None,
    cell: Callable[[Row], Any] | None = None,
    draws: Draws | None = None,
    footnote: Callable[[Row], str | None] | None = None,
) -> Column:
    """The column of a quantity, with its heading and format; at the path of its name, where no other is given."""
    quantity = QUANTITIES[name]
    return Column(quantity.heading, path or name, quantity.format, interval, cell, quantity, draws, footnote)


def value_at(row: Row, path: str) -> Any:
    """The value at a path such as `completeness.sampled.share`; None where any part of the path is missing.

    A key of the row itself comes first: what is called after a task or a model may have a dot in its name.
    """
    if path in row:
        return row[path]
    value: Any = row
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def share_text(share: Share | None) -> str:
    """A share in percent, with its interval; that it is not defined, of none.

    >>> from circuits.intervals import Share
    >>> share_text(Share(15, 16)), share_text(None)
    ('93.8% [71.7%, 98.9%]', 'not defined')
    """
    return UNDEFINED if share is None else f"{number_text(share.value, SHARE)} {brackets(share.interval(), SHARE)}"


def is_at_floor(column: Column, row: Row) -> bool:
    """Whether a p-value is the least that its draws can give."""
    draws = column.draws
    if draws is None:
        return False
    p = column.value(row) if draws.raw is None else value_at(row, draws.raw)
    return is_least(p, value_at(row, draws.path))


def floor_notes(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """What would lower the p-values that are the least possible: a sentence for each sort of draws."""
    at_floor = (column.draws for column in columns if any(is_at_floor(column, row) for row in rows))
    return list(dict.fromkeys(draws.note for draws in at_floor if draws is not None))


def number(row: Row, path: str, spec: str) -> str:
    """The number at a path; a dash where it was not measured."""
    value = value_at(row, path)
    return DASH if value is None else number_text(value, spec)


def brackets(ends: Sequence[float | None] | None, spec: str) -> str:
    """`[0.10, 0.30]`; `[-]` for an interval that is unbounded, whose ends are None in tables."""
    if ends is None or None in ends:
        return UNBOUNDED
    low, high = ends
    return f"[{number_text(low, spec)}, {number_text(high, spec)}]"


def value_and_ends(value: float, ends: Sequence[float | None] | None, spec: str) -> tuple[str, str]:
    """A measured value and its interval in brackets, in significant digits where decimals show nothing of the value.

    >>> from pipelines.reporting.tables import value_and_ends
    >>> value_and_ends(0.25, [0.1, 0.4], ".3f"), value_and_ends(0.0000126, [None, None], ".3f")
    (('0.250', '[0.100, 0.400]'), ('1.26e-05', '[-]'))
    """
    spec = telling(spec, value, ends)
    return number_text(value, spec), brackets(ends, spec)


def with_interval(values: Row, name: str, spec: str) -> str:
    """A number and its interval, `NAME_interval`; words where the number is not defined."""
    if values[name] is None:
        return UNDEFINED
    return " ".join(value_and_ends(values[name], values[f"{name}_interval"], spec))


def as_csv(rows: Sequence[Row], columns: Sequence[Column] | None = None) -> bytes:
    """One line per row; an empty cell is a number that was not measured. Without columns, those of the first row.

    Without either there is nothing to say: no bytes.
    """
    if columns is None and not rows:
        return b""
    chosen = [Column(key) for key in rows[0]] if columns is None else columns
    spans = [column for column in chosen if column.interval is not None]
    ends = [f"{column.name}_{end}" for column in spans for end in ("low", "high")]
    lines: list[list[Any]] = [[*(column.name for column in chosen), *ends]]
    for row in rows:
        values = [column.value(row) for column in chosen]
        lines.append(
            [*values, *(end for column in spans for end in value_at(row, str(column.interval)) or (None, None))]
        )
    return csv_text(lines).encode()


def console() -> Console:
    """Where tables are printed; as wide as rich would take it, but for a COLUMNS too small to write in."""
    return Console(markup=False, highlight=False, width=None if _is_usable(os.environ.get("COLUMNS")) else _USUAL_WIDTH)


def width_asked_for() -> int | None:
    """The width that the variable COLUMNS asks for, also of what is piped; None where it is no such number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() and _is_usable(text) else None


def _is_usable(columns: str | None) -> bool:
    return columns is None or not columns.isdecimal() or int(columns) >= _LEAST_WIDTH


def print_table(title: str, headings: Sequence[str], cells: Iterable[Sequence[str]], *, folds: bool = False) -> None:
    """A table of texts. In a terminal, or where COLUMNS asks for a width, cells are broken between words to fit.

    folds  also in a pipe, into the usual width

    Numbers and intervals are never broken: columns for which that leaves no room follow in a table below, beside those
    that say which row is which.
    """
    rows, shown = [list(map(visible, row)) for row in cells], console()
    columns = [list(column) for column in zip(map(visible, headings), *rows, strict=True)]
    room = shown.width if shown.is_terminal else width_asked_for()
    fits = in_room(columns, room) if room is not None or not folds else in_room(columns, _USUAL_WIDTH, is_strict=False)
    for number, fitted in enumerate(fits):
        table = Table(title=visible(title) if number == 0 else "(continued)", title_justify="left")
        for column in fitted:
            table.add_column(column.texts[0], overflow="fold", width=column.width)
        for row in zip(*(column.texts[1:] for column in fitted), strict=True):
            table.add_row(*row)
        shown.width = max(shown.width, table_width(column.width for column in fitted))
        shown.print(table, crop=False)


def print_columns(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Rows as a table of columns."""
    print_table(
        title, [column.heading for column in columns], [[column.text(row) for column in columns] for row in rows]
    )


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Rows as a table; a column for every key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    headings = [column.replace("_", " ") for column in columns]
    print_table(title, headings, [[_cell(row.get(column, "")) for column in columns] for row in rows], folds=True)


def print_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """What is known of one thing: a name and a value per line."""
    table = Table(title=visible(title), title_justify="left", show_header=False)
    for name, value in facts:
        table.add_row(visible(name), visible(value))
    console().print(table)


def print_line(text: str) -> None:
    """A sentence below a table, in one piece."""
    console().print(visible(text), soft_wrap=True)


def print_reasons(rows: Sequence[Row], of: Callable[[Row], str], *, without: str | None = None) -> None:
    """Why numbers are missing, once per reason, with the rows that it holds for where it does not hold for all.

    of       row -> what it is called
    without  the beginning of names that are left out
    """
    reasons: dict[str, list[str]] = {}
    for row in rows:
        for name, why in row["reasons"].items():
            if without is None or not name.startswith(without):
                reasons.setdefault(f"{name.replace('_', ' ')}: {why}", []).append(of(row))
    for reason, names in reasons.items():
        of_rows = "" if len(names) == len(rows) else f" ({', '.join(names)})"
        print_line(f"{DASH} {reason}{of_rows}")


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_cell(entry)}" for key, entry in value.items())
    return number_text(value) if isinstance(value, float) else str(value)
