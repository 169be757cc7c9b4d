"""Tables for people, and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table; a column for every key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    _console().print(table)


def _with_interval(values: Mapping[str, Any], name: str, spec: str) -> str:
    if values[name] is None:
        return "not defined"
    return f"{values[name]:{spec}} {ends_text(values[f'{name}_interval'], spec)}"


def ends_text(ends: Sequence[float | None] | None, spec: str) -> str:
    """`[0.10, 0.30]`; `[-]` for an interval that is unbounded: what tables hold then is None."""
    if ends is None or None in ends:
        return "[-]"
    low, high = ends
    return f"[{low:{spec}}, {high:{spec}}]"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {entry}" for key, entry in value.items())
    return str(value)


def _console() -> Console:
    return Console(markup=False, highlight=False)


DASH = "-"


Row = dict[str, Any]


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `completeness.sampled.share`; None where any part of the path is missing."""
    value: Any = row
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
