"""CSV: the columns of the table with all digits, each end of an interval in a column of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from circuits.csv_text import csv_text
from graphs.export.latex_text import NumberStyle
from pipelines.reporting.paper.registry import TABLE_FORMATS, TableFormat
from pipelines.reporting.paper.table import PaperTable, ends_of
from pipelines.reporting.tables import Column, Row, is_at_floor


def write(table: PaperTable, style: NumberStyle, command: str | None) -> str:
    """A line of names, and a line per row, in which every condition and setting has its column.

    `NAME_low` and `NAME_high` are the ends of an interval, empty where it is unbounded; `NAME_is_bound` of a p-value is
    True where it is the least that its draws can give. Neither the style nor the command is written.
    """
    columns = list({column.name: column for column in (*table.label, *table.facts, *table.columns)}.values())
    heading = [name for column in columns for name in _names(column)]
    return csv_text([heading, *([value for column in columns for value in _values(column, row)] for row in table.rows)])


def _names(column: Column) -> Iterator[str]:
    yield column.name
    if column.interval is not None:
        yield from (f"{column.name}_low", f"{column.name}_high")
    if column.draws is not None:
        yield f"{column.name}_is_bound"


def _values(column: Column, row: Row) -> Iterator[Any]:
    value = column.value(row)
    yield ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    if column.interval is not None:
        yield from ends_of(column, row) or (None, None)
    if column.draws is not None:
        yield is_at_floor(column, row)


CSV = TABLE_FORMATS.register(TableFormat("csv", "comma-separated values, all digits", write))
