"""The one place that says what a command does, on stderr: at once, whenever something takes long, and while it does.

A command says its first line itself (`say_first`), or it is said after a second. A phase (`circuits.model.phases`) is
said once it lasts two; where nothing has been said for a while, that it is still at work. Progress tells of jobs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TextIO

from circuits.model.phases import phases_told_to
from circuits.visible_text import visible
from pipelines.engine.progress import SILENT_S, duration, left

# A command that has said nothing says what it does after so long; a phase is said once it lasts so long.
_FIRST_S, _LONG_S = 1.0, 2.0
EVERY_S = 0.25
# What is said of a command before any of its phases begins.
_AT_WORK = "at work"


@dataclass
class _Phase:
    text: str
    began_s: float
    is_said: bool = False
    share: float = 0.0


class SaidPhases:
    """Says the phases of a command on a stream; used in a `with`, as a `circuits.model.phases.Listener`."""

    def __init__(self, stream: TextIO, command: str) -> None:
        self._stream, self._command = stream, command
        self._began_s = self._said_s = time.monotonic()
        self._phases = [_Phase("", self._began_s)]
        self._has_spoken = False
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._ticks = threading.Thread(target=self._tick, name="phases", daemon=True)

    def __enter__(self) -> SaidPhases:
        self._phases[0].text = _AT_WORK
        self._ticks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._ticks.join()

    def first(self, command: str, text: str) -> None:
        """What the command does, said now, by its whole name; it goes for all that is in no phase."""
        with self._lock:
            self._command = command
            self._phases[0] = _Phase(text, self._began_s)
            self._say(self._phases[0])

    def begins(self, text: str) -> None:
        """A phase begins; of an empty one, nothing is said."""
        with self._lock:
            self._phases.append(_Phase(text, time.monotonic()))

    def reached(self, share: float) -> None:
        """How much is done of the phase that began last."""
        with self._lock:
            self._phases[-1].share = share

    def ends(self) -> None:
        """The phase that began last ends; what was silent because of it counts from now on."""
        with self._lock:
            if not self._phases.pop().text:
                self._said_s = time.monotonic()

    def _tick(self) -> None:
        while not self._is_over.wait(EVERY_S):
            with self._lock:
                self._speak()

    def _speak(self) -> None:
        phase, now_s = self._phases[-1], time.monotonic()
        if not phase.text:
            return
        if not phase.is_said and now_s - phase.began_s >= (_LONG_S if self._has_spoken else _FIRST_S):
            self._say(phase)
        elif phase.is_said and now_s - self._said_s >= SILENT_S:
            self._say(phase, _how_far(phase, now_s - phase.began_s, now_s - self._began_s))

    def _say(self, phase: _Phase, more: str = "") -> None:
        phase.is_said = self._has_spoken = True
        self._said_s = time.monotonic()
        # Of a terminal that is closed, the command itself tells.
        try:
            self._stream.write(f"{self._command}: {_joined(visible(phase.text), more)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._is_over.set()


def _joined(text: str, more: str) -> str:
    """A phase with how far it is; of one of which nothing else is known, that it is at work is not said twice."""
    return more.removeprefix(", ") if text == _AT_WORK and more else f"{text}{more}"


def _how_far(phase: _Phase, spent_s: float, since_start_s: float) -> str:
    """How much of a phase is done, where that is told, how long it still takes, and the time since the command began,
    which goes on from phase to phase.

    spent_s  what the phase has taken
    """
    after = f"after {duration(since_start_s)}"
    if not phase.share:
        return f", still at work · {after}"
    about = left(spent_s * (1 - phase.share) / phase.share)
    return f", {phase.share:.0%} of it · {after}, about {about} left"


_SAID: ContextVar[SaidPhases | None] = ContextVar("_SAID", default=None)


@contextmanager
def phases_said(command: str, *, is_quiet: bool) -> Iterator[None]:
    """Within it, what takes long is said on stderr, after the name of the command; nothing of one that is quiet."""
    if is_quiet:
        yield
        return
    with SaidPhases(sys.stderr, command) as said, phases_told_to(said):
        token = _SAID.set(said)
        try:
            yield
        finally:
            _SAID.reset(token)


def say_first(command: str, text: str) -> None:
    """What a command does, on stderr at once: what follows imports much, reads the store and loads a model."""
    if (said := _SAID.get()) is not None:
        said.first(command, text)
        return
    sys.stderr.write(f"{command}: {visible(text)}\n")
    sys.stderr.flush()


def say_reading(command: str, *subjects: str) -> None:
    """What a command that shows what is stored begins with, on stderr at once."""
    say_first(command, f"reading {', '.join(subjects)}")
