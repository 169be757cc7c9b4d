"""One bad input, the command that is given it, and what a good program makes of it."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from tests.faults.watch import watched

Outcome = Literal["clear error", "restored", "right", "wrong"]
LIMIT_S = 120  # of a machine that others use as well
_LONGEST = 4000  # characters that a person reads
# What is no message for a person: addresses of objects, classes of the code, links to a library's pages.
_INSIDES = re.compile(
    r"Traceback|object at 0x|<class '|<function |errors\.pydantic|pydantic_core|\bNoneType\b|state_dict|RuntimeError"
)
# Characters that a terminal does not show, but obeys.
_OBEYED = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")


class Trial(NamedTuple):
    """A bad input.

    kind       its row in the table
    name       what is wrong with it
    arguments  the command
    prepare    puts what it needs into an empty folder, in which the command runs
    names      of what was asked: an error has one of them
    expects    `refused`: an error, and nothing else; `either`: an error, or what `check` finds right;
               `restored`: success, with what `check` finds right
    check      after success: what is wrong in the folder, or None
    during     what the world is like while it runs
    does       what is done in place of a command, and said as a command says it
    """

    kind: str
    name: str
    arguments: Sequence[str]
    prepare: Callable[[Path], None] = lambda folder: None
    names: tuple[str, ...] = ()
    expects: Literal["refused", "either", "restored"] = "refused"
    check: Callable[[Path], str | None] = lambda folder: None
    during: Callable[[], AbstractContextManager[Any]] = nullcontext
    does: Callable[[], Said] | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


class Verdict(NamedTuple):
    """How a trial went.

    why      what is wrong; empty where nothing is
    message  the last that the command said
    """

    trial: Trial
    outcome: Outcome
    why: str
    message: str
    seconds: float


class Said(NamedTuple):
    """What a command has said. `crash` is what it raised, where it did."""

    exit_code: int
    stderr: str
    crash: str
    stdout: str = ""


class TimeUp(BaseException):
    """The command takes longer than anybody waits."""


def tried(trial: Trial, folder: Path) -> Verdict:
    """The verdict on a trial, run in a folder of its own."""
    folder.mkdir(parents=True)
    trial.prepare(folder)
    begun = time.monotonic()
    with contextlib.chdir(folder), watched(folder) as watch:
        try:
            with time_limit(LIMIT_S), trial.during():
                said = invoke(trial.arguments) if trial.does is None else trial.does()
        except TimeUp:
            return Verdict(trial, "wrong", f"not done after {LIMIT_S} s", "", time.monotonic() - begun)
    seconds = time.monotonic() - begun
    outcome, why = judged(trial, said, folder)
    if watch.strange:
        outcome, why = "wrong", f"touches what it was not given: {', '.join(sorted(watch.strange))}"
    return Verdict(trial, outcome, why, said.stderr.strip()[-_LONGEST:], seconds)


def judged(trial: Trial, said: Said, folder: Path) -> tuple[Outcome, str]:
    """The outcome, and what is wrong."""
    if said.crash:
        return "wrong", f"a traceback: {said.crash}"
    is_file = "-" in trial.arguments  # what is written to stdout is then no text for a terminal
    if trial.does is None and (obeyed := _OBEYED.search(said.stderr + ("" if is_file else said.stdout))):
        return "wrong", f"a terminal would obey {obeyed[0]!r}"
    if said.exit_code == 0:
        if trial.expects == "refused":
            return "wrong", "taken in silence"
        wrong = trial.check(folder)
        return ("wrong", wrong) if wrong else ("restored" if trial.expects == "restored" else "right", "")
    if trial.expects == "restored":
        return "wrong", "not restored"
    wrong = unclear(said, trial.names)
    return ("wrong", wrong) if wrong else ("clear error", "")


def unclear(said: Said, names: Sequence[str]) -> str:
    """What is wrong with an error; empty where it says what was asked and what to do."""
    if said.exit_code not in (1, 2):
        return f"exit code {said.exit_code}"
    _, found, message = said.stderr.rpartition("rror: ")
    if not found:
        return "no error is said"
    if len(message) > _LONGEST:
        return f"{len(message)} characters of error"
    if inside := _INSIDES.search(message):
        return f"the error speaks of the code: {inside[0]}"
    if names and not any(name in message for name in names):
        return f"the error names none of {', '.join(names)}"
    if len(message.split()) < 4:
        return "the error does not say what to do"
    return ""


def invoke(arguments: Sequence[str]) -> Said:
    """A command of the workbench in this process, with streams that take what those of a terminal take."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    code, crash = 0, ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warned(err):
        try:
            code = command().main(args=list(arguments), prog_name="circuits") or 0
            out.flush()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            crash = f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})"
    for stream in (out, err):
        with contextlib.suppress(ValueError):  # of text that no terminal can take; that is what the crash says
            stream.flush()
    return Said(code, _text(err), crash, _text(out))


@contextlib.contextmanager
def warned(stream: TextIO) -> Iterator[None]:
    """Warnings go to a stream as those of the command do."""
    from pipelines.engine.shown_warnings import WARNING_PACKAGES, warnings_on

    handler, logs = warnings_on(stream), [logging.getLogger(name) for name in WARNING_PACKAGES]
    for log in logs:
        log.addHandler(handler)
    try:
        yield
    finally:
        for log in logs:
            log.removeHandler(handler)


def _text(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode("utf-8", "replace")  # pyright: ignore[reportAttributeAccessIssue]


@cache
def command() -> Any:
    import typer

    from pipelines.cli.main import app

    return typer.main.get_command(app)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeUp` in the main thread after that time."""

    def up(*_: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
