"""What is in the folder that is shown, read in a thread of its own: whoever asks gets at once what is known by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.compare.names import COMPARISON
from pipelines.engine.heartbeat import running_in
from pipelines.reporting.run_states import (
    continue_command,
    date_words,
    faithfulness_words,
    kind_of,
    progress_words,
    state_words,
)
from pipelines.runs.record import RECORD
from pipelines.runs.state import SUMMARY, States, others_of, with_progress
from pipelines.view.inside import OUTSIDE, folders_with, leads_outside

_READ_EVERY_S = 2.0
_IDLE_AFTER_S = 30.0  # nobody has asked for so long: nothing is read until somebody does
Row = dict[str, Any]


class StoredPair(NamedTuple):
    """A comparison of two runs that the folder has.

    folder  where it is; its name is what it is called
    runs    the folder names of the two
    """

    folder: Path
    runs: tuple[str, str]


class Listing:
    """The runs and comparisons of a folder, as rows.

    Reading many takes seconds at first, so that `rows` says how many are still to be read; later only what has changed
    is read again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._states = States(root)
        self._found: dict[str, Row] = {}
        self._pairs: list[StoredPair] = []
        self._n_unread = 0
        self._version = 0
        self._asked_at = time.monotonic()
        self._wakes, self._ends = threading.Event(), threading.Event()
        self._reads = threading.Thread(target=self._keep_reading, name="listing", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._reads.start()

    def stop(self) -> None:
        """Read no more."""
        self._ends.set()
        self._wakes.set()

    def rows(self) -> dict[str, Any]:
        """Every run and comparison that was read by now, and how many runs were not."""
        states = self._now()
        pairs = [{"name": pair.folder.name, "runs": list(pair.runs)} for pair in list(self._pairs)]
        rows = [_row(name, state) for name, state in states.items()]
        return {"folder": str(self._root), "runs": rows, "comparisons": pairs, **self._counts()}

    def progress(self) -> dict[str, Any]:
        """What is computed now: of runs by folder name, what else in words. Cheap enough to be asked each second."""
        self._ask()
        running = running_in(self._root)
        states = {name: with_progress(state, running) for name, state in dict(self._found).items()}
        now = {name: state for name, state in states.items() if kind_of(state) == "running"}
        others = [f"{other['of']}, {progress_words(other)}" for other in others_of(running, list(states.values()))]
        rows = {name: _row(name, state) for name, state in now.items()}
        return {"running": rows, "others": others, **self._counts()}

    def row(self, name: str, folder: Path) -> Row:
        """The run in a folder, as it is now."""
        return _row(name, with_progress(self._states.of(folder), running_in(self._root)))

    def pair_of(self, a: str, b: str) -> StoredPair | None:
        """The comparison of two runs that the folder has; None where it has none."""
        return next((pair for pair in _stored_pairs(self._root) if set(pair.runs) == {a, b}), None)

    def _counts(self) -> dict[str, int]:
        return {"unread": self._n_unread, "version": self._version}

    def _now(self) -> dict[str, Row]:
        self._ask()
        running = running_in(self._root)
        return {name: with_progress(state, running) for name, state in dict(self._found).items()}

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._wakes.set()

    def _keep_reading(self) -> None:
        while not self._ends.is_set():
            self._read()
            self._ends.wait(_READ_EVERY_S)
            if time.monotonic() - self._asked_at > _IDLE_AFTER_S:
                self._wakes.clear()
                self._wakes.wait()

    def _read(self) -> None:
        """Read what is new or has changed."""
        folders = folders_with(RECORD, self._root)
        self._n_unread = len(folders.keys() - self._found.keys())
        for name in self._found.keys() - folders.keys():
            self._found = {other: state for other, state in self._found.items() if other != name}
            self._version += 1
        for name, folder in folders.items():
            state = self._state(name, folder)
            if self._found.get(name) != state:
                self._n_unread -= name not in self._found
                self._found = {**self._found, name: state}
                self._version += 1
        if (pairs := _stored_pairs(self._root)) != self._pairs:
            self._pairs = pairs
            self._version += 1

    def _state(self, name: str, folder: Path) -> Row:
        if leads_outside(folder, self._root):
            return {"run": name, "is_finished": False, "problem": f"{name} {OUTSIDE}"}
        return self._states.of(folder)


def _row(name: str, state: Mapping[str, Any]) -> Row:
    """A run as the pages show it: its state, and the words that `circuits status` has for it."""
    return {
        **state,
        "folder": name,
        "kind": kind_of(state),
        "words": state_words(state),
        "faithfulness_words": faithfulness_words(state),
        "date_words": date_words(state),
        "continue": continue_command(state),
    }


def _stored_pairs(root: Path) -> list[StoredPair]:
    """The comparisons of two runs of this folder that it has, whole enough to say of which."""
    found = []
    for folder in folders_with(COMPARISON, root).values():
        if leads_outside(folder, root):
            continue
        try:
            summary = parse_strictly(read_bytes(folder / SUMMARY))
        except (OSError, ValueError):
            continue
        places = summary.get("run_folders") if isinstance(summary, dict) else None
        if isinstance(places, dict) and len(places) == 2 and all(isinstance(place, str) for place in places.values()):
            first, second = (Path(place).name for place in places.values())
            found.append(StoredPair(folder, (first, second)))
    return found
