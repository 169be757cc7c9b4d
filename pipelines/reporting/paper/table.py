"""PaperTable: what a table for a paper shows, whichever format it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from circuits.quantities import Quantity
from pipelines.reporting.tables import Column, Row, value_at


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """Rows of a report, and which of their columns a paper shows.

    title       its caption, without a period
    label       columns that name a row
    columns     what was found
    rows        one per line
    conditions  what rows were judged under, such as task, model, ablation and prompts. Those in which the rows differ
                are columns of their own behind the label, the others are said below the table; rows are compared with
                those alone that were judged under the same conditions
    settings    the same, of what rows may be compared across, such as the method
    intervals   what intervals are, such as `95 % t intervals over prompts`; None where there are none
    notes       sentences below the table
    has_best    whether the best value of a column is in bold
    most        how many rows are shown, the first of them, but in CSV, which has all; None: all
    order       which are first, such as `the largest total effects`
    """

    title: str
    label: Sequence[Column]
    columns: Sequence[Column]
    rows: Sequence[Row]
    conditions: Sequence[Column] = ()
    settings: Sequence[Column] = ()
    intervals: str | None = None
    notes: Sequence[str] = field(default=())
    has_best: bool = True
    most: int | None = None
    order: str = ""

    @property
    def facts(self) -> list[Column]:
        """Conditions and settings that any row has."""
        return [
            column
            for column in (*self.settings, *self.conditions)
            if any(column.value(row) is not None for row in self.rows)
        ]

    @property
    def shared(self) -> list[Column]:
        """Facts that are the same in all rows."""
        return [column for column in self.facts if len({key_of(column, row) for row in self.rows}) == 1]

    @property
    def shown(self) -> list[Column]:
        """The columns of the table: label, facts in which rows differ, what was found. None is there twice."""
        differing = [column for column in self.facts if column not in self.shared]
        said = {_texts(column, self.rows) for column in self.label}
        return [*self.label, *(column for column in differing if _texts(column, self.rows) not in said), *self.columns]


def key_of(column: Column, row: Row) -> tuple[str, str | None]:
    """What tells the values of a fact apart: the value, and what is said of it below the table."""
    return str(column.value(row)), None if column.footnote is None else column.footnote(row)


def _texts(column: Column, rows: Sequence[Row]) -> tuple[Any, ...]:
    return tuple(key_of(column, row)[0] for row in rows)


def ends_of(column: Column, row: Row) -> tuple[float, float] | None:
    """The interval of a value; None where it has none, or an unbounded one."""
    if column.interval is None:
        return None
    ends = value_at(row, column.interval)
    if ends is None or None in ends:
        return None
    low, high = ends
    return low, high


def best_rows(table: PaperTable, column: Column) -> set[int]:
    """Numbers of the rows whose value is better than that of every other row that was judged alike.

    A value is better where its interval overlaps no other's; so it and all others need one. A row that was judged like
    no other is not the best of anything.
    """
    quantity = column.quantity
    if not table.has_best or quantity is None or quantity.better is None or column.interval is None:
        return set()
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, row in enumerate(table.rows):
        if column.value(row) is not None:
            groups.setdefault(tuple(key_of(fact, row) for fact in table.conditions), []).append(number)
    found = set()
    for numbers in groups.values():
        ends = {number: ends_of(column, table.rows[number]) for number in numbers}
        values = {number: _badness(quantity, column.value(table.rows[number])) for number in numbers}
        best = min(numbers, key=lambda number: values[number])
        if len(numbers) > 1 and all(n == best or _are_apart(ends[best], ends[n]) for n in numbers):
            found.add(best)
    return found


def _badness(quantity: Quantity, value: float) -> float:
    return {"high": -value, "low": value, "one": abs(value - 1)}[str(quantity.better)]


def _are_apart(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is not None and other is not None and (one[0] > other[1] or other[0] > one[1])
