"""A table for a paper as texts: cells, their bounds and footnotes, and what stands below. Formats write it down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphs.export.latex_text import NumberStyle, number
from pipelines.reporting.p_values import AT_MOST
from pipelines.reporting.paper.table import PaperTable, best_rows, ends_of
from pipelines.reporting.tables import DASH, Column, Row, floor_notes, is_at_floor

_MOST_DECIMALS = 3


class Cell(NamedTuple):
    """A cell.

    text      a number as digits, or words; empty where it was not measured
    ends      the interval in brackets, such as `[.81, .89]`; empty without one
    is_number whether the text is a number
    is_bound  whether the number is the largest that the value can be: `<=`
    is_best   whether it is better than all others
    mark      of its footnote: a letter, or empty
    """

    text: str
    ends: str = ""
    is_number: bool = False
    is_bound: bool = False
    is_best: bool = False
    mark: str = ""

    @property
    def plain(self) -> str:
        """All of it but the footnote, unformatted."""
        if not self.text:
            return DASH
        return " ".join(part for part in (AT_MOST if self.is_bound else "", self.text, self.ends) if part)


@dataclass(frozen=True)
class Layout:
    """What a format writes.

    columns   those of the table, in order
    n_labels  how many of them, the first, name the rows
    lines     one per row: a cell per column
    notes     (mark, sentence) below the table, first those without a mark
    """

    title: str
    n_labels: int
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[tuple[str, str], ...]

    def cells(self, column: int) -> list[Cell]:
        """The cells of a column that hold something."""
        return [line[column] for line in self.lines if line[column].text]


def title_of(column: Column) -> str:
    """The heading of a column, in large letters where it begins a word; with its unit."""
    if column.quantity is not None:
        return column.quantity.shown
    if column.is_name:
        return column.heading
    return f"{column.heading[:1].upper()}{column.heading[1:]}" if len(column.heading) > 1 else column.heading


def lay_out(table: PaperTable, style: NumberStyle = "brackets") -> Layout:
    """The table as texts, numbers in one style."""
    columns, rows, marks = table.shown, table.rows[: table.most], dict[str, str]()
    best = [best_rows(table, column) for column in columns]
    lines = tuple(
        tuple(
            _cell(column, row, style)._replace(is_best=index in best[place], mark=_mark(column, row, marks))
            for place, column in enumerate(columns)
        )
        for index, row in enumerate(rows)
    )
    shown = [column for column in columns if column in table.columns]
    terms = _terms(table, shown, style, has_best=any(cell.is_best for line in lines for cell in line))
    unmarked = [*_facts(table), *_cut(table), *table.notes, *terms, *floor_notes(columns, rows)]
    notes = [("", text) for text in unmarked] + [
        (mark, f"{text[0].upper()}{text[1:]}.") for text, mark in marks.items()
    ]
    return Layout(table.title, len(table.label), tuple(columns), lines, tuple(notes))


def _cell(column: Column, row: Row, style: NumberStyle) -> Cell:
    value = column.value(row)
    if value is None:
        return Cell("")
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int):
        return Cell(f"{value}", is_number=True)
    if not isinstance(value, float):
        return Cell(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    low, high = ends_of(column, row) or (None, None)
    text, _, ends = number(value, low, high, style, most_decimals=_most_decimals(column)).partition(" ")
    return Cell(text, ends, is_number=True, is_bound=is_at_floor(column, row))


def _most_decimals(column: Column) -> int | None:
    """Shares and the like have three decimals at most: what is smaller is nothing. p-values have what they take."""
    return _MOST_DECIMALS if column.format.endswith(("f", "%")) else None


def _mark(column: Column, row: Row, marks: dict[str, str]) -> str:
    """The letter of a cell's footnote; the same text has the same letter."""
    text = None if column.footnote is None else column.footnote(row)
    return "" if text is None else marks.setdefault(text, chr(ord("a") + len(marks)))


def _cut(table: PaperTable) -> Iterator[str]:
    """How many rows there are, where not all are shown."""
    if table.most is not None and len(table.rows) > table.most:
        yield f"Shown are the first {table.most} of {len(table.rows):,}, {table.order}; CSV has all."


def _facts(table: PaperTable) -> Iterator[str]:
    """What all rows have in common."""
    said = []
    for column in table.shared:
        cell, value = _cell(column, table.rows[0], "brackets"), column.value(table.rows[0])
        shown = f"{value:,}" if cell.is_number and isinstance(value, int) else cell.plain
        footnote = None if column.footnote is None else column.footnote(table.rows[0])
        meaning = "" if footnote is None else f" ({footnote.removeprefix(f'{shown}: ')})"
        said.append(f"{title_of(column)}: {shown}{meaning}")
    if said:
        yield f"{'. '.join(said)}."


def _terms(table: PaperTable, columns: Sequence[Column], style: NumberStyle, *, has_best: bool) -> Iterator[str]:
    """What headings and signs mean."""
    said = dict.fromkeys(filter(None, map(_meaning, columns)))
    if said:
        yield f"{'; '.join(said)}."
    rows = table.rows[: table.most]
    if table.intervals is not None and any(ends_of(column, row) for column in columns for row in rows):
        if style == "uncertainty":
            yield f"In parentheses: the longer side of {table.intervals}, in units of the last digit."
        else:
            yield f"In brackets: {table.intervals}."
    if has_best:
        alike = " among rows judged alike" if table.conditions else ""
        yield f"Bold: the best{alike}, where its interval overlaps no other's."


def _meaning(column: Column) -> str | None:
    quantity = column.quantity
    if quantity is None or not (quantity.says or quantity.symbol):
        return None
    parts = [part for part in (quantity.symbol, quantity.says) if part]
    return f"{quantity.title}: {', '.join(parts)}"
