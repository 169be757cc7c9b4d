"""`circuits status`: the runs of a store."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from pipelines.engine.progress import duration
from pipelines.reporting.tables import brackets, console, print_line, print_table

_HEADINGS = ("run", "task", "model", "method", "asked", "faithfulness", "date", "state")
# Lines between columns, and a space on both sides of a cell.
_FRAME = 3


def print_status(
    states: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], folder: Path, *, width: int | None
) -> None:
    """The runs of a store, what else is computed there, and how to continue what was interrupted.

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
        print_line(f"running as well: {other['of']}, {_progress(other)}")
    for state in states:
        if _is_interrupted(state):
            print_line(f"{state['run']}: interrupted, continue with: {_again(state, folder)}")


def _table_width(rows: Sequence[Sequence[str]]) -> int:
    return 1 + sum(max(map(cell_len, column)) + _FRAME for column in zip(_HEADINGS, *rows, strict=True))


def _facts(row: Sequence[str]) -> list[str]:
    """The lines below a run's name, where there is no room for a table."""
    _, task, model, method, asked, faithfulness, date, state = row
    lines = [" · ".join(filter(None, (task, model, method))), asked]
    lines.append(" · ".join(filter(None, (faithfulness and f"faithfulness {faithfulness}", date, state))))
    return list(filter(None, lines))


def _row(state: Mapping[str, Any]) -> list[str]:
    date = datetime.fromisoformat(state["date"]).strftime("%Y-%m-%d %H:%M") if "date" in state else ""
    plain = [str(state.get(name, "")) for name in _HEADINGS[:5]]
    return [*plain, _faithfulness(state), date, _words(state)]


def _faithfulness(state: Mapping[str, Any]) -> str:
    if state.get("faithfulness") is None:
        return ""
    return f"{state['faithfulness']:.2f} {brackets(state['faithfulness_interval'], '.2f')}"


def _words(state: Mapping[str, Any]) -> str:
    if "problem" in state:
        return state["problem"]
    if state["running"] is not None:
        return f"running, {_progress(state['running'])}"
    if state["is_finished"]:
        return "finished" if not state["missing"] else "finished; some results are gone from the store"
    return f"interrupted, {state['jobs_done']} of {state['jobs']} jobs done"


def _progress(running: Mapping[str, Any]) -> str:
    left_s = running["seconds_left"]
    return f"{running['share']:.0%}" + ("" if left_s is None else f", about {duration(left_s)} left")


def _is_interrupted(state: Mapping[str, Any]) -> bool:
    return not state["is_finished"] and "problem" not in state and state["running"] is None


def _again(state: Mapping[str, Any], folder: Path) -> str:
    """The command that continues a run."""
    config = folder / state["run"] / "config.yaml"
    return shlex.join(["circuits", *state["command"].split(), "--config", str(config), "--out", str(folder)])
