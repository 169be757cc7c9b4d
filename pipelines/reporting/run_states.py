"""The state of a run in words, as `circuits status` and `circuits view` say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from circuits.numbers import count_text, number_text
from pipelines.engine.progress import left
from pipelines.reporting.tables import brackets

State = Mapping[str, Any]
Kind = Literal["damaged", "running", "finished", "failed", "interrupted"]


def kind_of(state: State) -> Kind:
    """Which of these a run is."""
    if "problem" in state:
        return "damaged"
    if state["running"] is not None:
        return "running"
    if state["is_finished"]:
        return "finished"
    return "interrupted" if state["error"] is None else "failed"


def state_words(state: State) -> str:
    """How far a run is."""
    match kind_of(state):
        case "damaged":
            return state["problem"]
        case "running":
            return f"running, {progress_words(state['running'])}"
        case "finished":
            return "finished" if not state["missing"] else "finished; some results are gone from the store"
        case "failed" | "interrupted" as kind:
            return f"{kind}, {state['jobs_done']} of {count_text(state['jobs'], 'job')} done"


def progress_words(running: State) -> str:
    """How far a command is, and what time is left where that is known."""
    left_s = running["seconds_left"]
    if running["share"] == 1 and left_s is None:
        return "100%, making its files"
    return f"{running['share']:.0%}" + ("" if left_s is None else f", about {left(left_s)} left")


def faithfulness_words(state: State) -> str:
    """Its faithfulness with the interval; empty where that was not measured."""
    if state.get("faithfulness") is None:
        return ""
    return f"{number_text(state['faithfulness'], '.2f')} {brackets(state['faithfulness_interval'], '.2f')}"


def date_words(state: State) -> str:
    """When it was written, to the minute; empty where that is not known."""
    return datetime.fromisoformat(state["date"]).strftime("%Y-%m-%d %H:%M") if "date" in state else ""


def continue_command(state: State) -> str | None:
    """The command that continues a run which was interrupted, or failed; None for other runs."""
    return state["continue"] if kind_of(state) in ("interrupted", "failed") else None


def continue_words(state: State) -> str | None:
    """The same in a sentence, of a run that failed with the error; None for other runs."""
    match kind_of(state):
        case "failed":
            return f"failed: {state['error']} Try again with: {state['continue']}"
        case "interrupted":
            return f"interrupted, continue with: {state['continue']}"
        case _:
            return None
