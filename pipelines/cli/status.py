"""`circuits status`: the runs of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from pipelines.reporting.run_states import (
    continue_words,
    date_words,
    faithfulness_words,
    progress_words,
    state_words,
)
from pipelines.reporting.tables import console, print_line, print_table

_HEADINGS = ("run", "task", "model", "method", "asked", "faithfulness", "date", "state")
# Lines between columns, and a space on both sides of a cell.
_FRAME = 3


def print_status(
    states: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], folder: Path, *, width: int | None
) -> None:
    """The runs of a store, what else is computed there, and how to continue what was interrupted or failed.

    width  of the terminal: where a table is wider, every run has a line with its name alone, and its facts below. None:
           a table, as wide as it is
    Names are never broken over lines, so that they can be copied.
    """
    if not states:
        print_line(f"no runs in {folder}")
    else:
        rows = [_row(state) for state in states]
        if width is None or _table_width(rows) <= width:
            print_table(f"runs in {folder}", _HEADINGS, rows)
        else:
            print_line(f"runs in {folder}")
            for row in rows:
                print_line(row[0])
                console().print(*[f"    {text}" for text in _facts(row)], sep="\n", soft_wrap=True)
    for other in others:
        print_line(f"running as well: {other['of']}, {progress_words(other)}")
    for state in states:
        if (words := continue_words(state)) is not None:
            print_line(f"{state['run']}: {words}")


def _table_width(rows: Sequence[Sequence[str]]) -> int:
    return 1 + sum(max(map(cell_len, column)) + _FRAME for column in zip(_HEADINGS, *rows, strict=True))


def _facts(row: Sequence[str]) -> list[str]:
    """The lines below a run's name, where there is no room for a table."""
    _, task, model, method, asked, faithfulness, date, state = row
    lines = [" · ".join(filter(None, (task, model, method))), asked]
    lines.append(" · ".join(filter(None, (faithfulness and f"faithfulness {faithfulness}", date, state))))
    return list(filter(None, lines))


def _row(state: Mapping[str, Any]) -> list[str]:
    plain = [str(state.get(name, "")) for name in _HEADINGS[:5]]
    return [*plain, faithfulness_words(state), date_words(state), state_words(state)]
