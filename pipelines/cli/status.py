"""`circuits status`: the runs of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.reporting.tables import console, print_table


def print_status(states: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """The runs of a store, and how to continue those that are not finished."""
    if not states:
        console().print(f"no runs in {folder}", soft_wrap=True)
        return
    rows = []
    for state in states:
        row = {key: state.get(key, "") for key in ("run", "task", "model", "method")}
        rows.append(row | {"jobs": f"{state.get('jobs_done', '?')}/{state.get('jobs', '?')}", "state": _state(state)})
    print_table(f"runs in {folder}", list(rows[0]), [list(row.values()) for row in rows])
    for state in states:
        if not state["is_finished"] and "problem" not in state:
            config = folder / state["run"] / "config.yaml"
            console().print(f"continue: circuits {state['command']} --config {config} --out {folder}", soft_wrap=True)


def _state(state: Mapping[str, Any]) -> str:
    if "problem" in state:
        return state["problem"]
    if state["is_finished"]:
        return "finished" if not state["missing"] else "finished; some results are gone from the store"
    return f"missing: {', '.join(state['missing'][:3])}{' ...' if len(state['missing']) > 3 else ''}"
