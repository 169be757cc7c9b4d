"""How far a run is and about how long it still takes: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO

from circuits.numbers import count_text
from circuits.visible_text import visible
from pipelines.engine.estimate import Estimate
from pipelines.engine.job import Job

_LONGEST_OWNER = 60
# Without a line for that long, one says what runs.
SILENT_S = 15
# Sooner, once the time left can be told for the first time.
_SOON_S = 2


class Progress:
    """Reports jobs that begin and end; used in a `with`. This one prints nothing, for use from Python."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begun(self, job: Job) -> None:
        """`job` begins."""

    def reached(self, job: Job, share: float, doing: str) -> None:
        """How much of `job`, which runs, is done; and what it does now, in words, where that is no step of it."""

    def done(self, job: Job) -> None:
        """`job` is done."""

    def tick(self) -> None:
        """Time goes on: called every second."""

    def waits(self, text: str) -> None:
        """Nothing is computed for now; `text` says why."""

    def sent(self, owner: str, n_jobs: int) -> None:
        """So many jobs are with workers now, which may be at any of them; they are computed for `owner`."""


@dataclass(frozen=True)
class Outlook:
    """What is to be computed, as far as progress tells it.

    n_jobs    how many jobs there are, those kept from before included; `n_todo` of them are to be computed
    owners    key of a job -> what it is computed for, such as the name of a run
    estimate  is kept up to date by whoever computes the jobs
    cost      what a job that is done took (`Store.cost`)
    """

    n_jobs: int
    n_todo: int
    owners: Mapping[str, str]
    estimate: Estimate
    cost: Callable[[Job], Mapping[str, Any] | None]

    def name(self, job: Job) -> str:
        """The job in a few words, after what it is computed for."""
        return f"{self.owner(job)}: {job.label}"

    def owner(self, job: Job) -> str:
        """What a job is computed for, short enough to begin a line with."""
        return short_owner(self.owners[job.key])


def short_owner(owner: str) -> str:
    """What jobs are computed for, short enough to begin a line with: of one run, its name."""
    name = owner.removeprefix("run ")
    return name if len(name) <= _LONGEST_OWNER else f"{name[:_LONGEST_OWNER]}..."


ProgressOf = Callable[[Outlook, str], Progress]
_SHOWN_BY: ContextVar[ProgressOf | None] = ContextVar("_SHOWN_BY", default=None)


@contextmanager
def shown_by(progress: ProgressOf) -> Iterator[None]:
    """Within it, progress is shown by what `progress` makes of an outlook and of the line to begin with."""
    token = _SHOWN_BY.set(progress)
    try:
        yield
    finally:
        _SHOWN_BY.reset(token)


def progress_on(stream: TextIO, outlook: Outlook, start: str, *, in_detail: bool = False) -> Progress:
    """A bar where `stream` is a terminal, else a line per job. The line `start` is written at once.

    in_detail  lines on a terminal as well, also for jobs that begin, and with what each job took
    """
    if (progress := _SHOWN_BY.get()) is not None:
        return progress(outlook, start)
    stream.write(visible(start) + "\n")
    stream.flush()
    if stream.isatty() and not in_detail:
        return Bar(stream, outlook)
    return Lines(stream, outlook, in_detail=in_detail)


class Models:
    """Which models jobs have asked for: the first job of each waits until it is loaded, and says so."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._done: set[str] = set()

    def loaded_by(self, job: Job) -> str | None:
        """The model that this job, which begins, is the first to need; None where there is none."""
        return self._first(job, self._begun)

    def loaded_with(self, job: Job) -> str | None:
        """The model whose loading is in the time of this job, which is done; None where there is none."""
        return self._first(job, self._done)

    @staticmethod
    def _first(job: Job, seen: set[str]) -> str | None:
        spec = job.locations.get("model")
        if spec is None or spec in seen:
            return None
        seen.add(spec)
        return Path(spec).name if Path(spec).is_absolute() else spec


class _Runs(NamedTuple):
    """A job that runs, how much of it is done, and what it does now, in words."""

    job: Job
    share: float = 0.0
    doing: str = ""

    @property
    def what(self) -> tuple[str, str]:
        """What is said of it, whichever prompts it is on."""
        return self.job.stage.name, self.doing


class Lines(Progress):
    """One line when a job is done: `[3/9] ioi-eap-1a2b: measure eap prompts 0-15 · after 4.1 s, about 6.0 s left`.

    The time is that since the start. A line before says which model is loaded first. Where no line has come
    for a while, one says what runs: `ioi-trace-1a2b: trace prompts 0-15, 40% of it · after 48 s, about 1 min 2 s left`,
    or, of workers that have not said what they do, how many jobs are with them.
    """

    def __init__(self, stream: TextIO, outlook: Outlook, *, in_detail: bool = False) -> None:
        self._stream, self._outlook, self._in_detail = stream, outlook, in_detail
        self._n_done = outlook.n_jobs - outlook.n_todo
        self._began_s, self._models = time.monotonic(), Models()
        self._said_s, self._is_told = self._began_s, False
        self._running: dict[str, _Runs] = {}
        self._named = frozenset[tuple[str, str]]()
        self._loading: dict[str, str] = {}
        self._with_workers = ""

    def begun(self, job: Job) -> None:
        self._running[job.key] = _Runs(job)
        if (model := self._models.loaded_by(job)) is not None:
            self._loading[job.key] = f"{self._outlook.owner(job)}: loading the model {model}"
            self._say(f"{self._loading[job.key]}; then: {job.label}", [_Runs(job)])
        elif self._in_detail:
            self._say(f"{self._outlook.name(job)} begins", [_Runs(job)])

    def reached(self, job: Job, share: float, doing: str) -> None:
        self._running[job.key] = _Runs(job, share, doing)
        if share or doing:
            self._loading.pop(job.key, None)  # it is over

    def tick(self) -> None:
        running = [*self._running.values()]
        states = [self._state(runs) for runs in running] or [*filter(None, [self._with_workers])]
        is_news = not self._is_told and self._outlook.estimate.left_s is not None
        # Of slices of one step, the lines that say that one is done say what goes on.
        is_news = is_news or any(runs.what not in self._named for runs in running)
        if states and time.monotonic() - self._said_s >= (_SOON_S if is_news else SILENT_S):
            self._say(f"{'; '.join(states)} · after {self._spent}{self._left}", running)

    def _state(self, runs: _Runs) -> str:
        if runs.job.key in self._loading:
            return self._loading[runs.job.key]
        how_far = [f"{runs.share:.0%} of it"] if runs.share else []
        doing = [runs.doing] if runs.doing else []
        return ", ".join([self._outlook.name(runs.job), *((how_far + doing) or ["at work"])])

    @property
    def _spent(self) -> str:
        return duration(time.monotonic() - self._began_s)

    @property
    def _left(self) -> str:
        left_s = self._outlook.estimate.left_s
        if left_s is None or self._n_done == self._outlook.n_jobs:
            return ""
        self._is_told = True
        # Loading is none of what is estimated.
        loads = any(key in self._loading for key in self._running)
        return f", {'then ' if loads else ''}about {left(left_s)} left"

    def done(self, job: Job) -> None:
        self._running.pop(job.key, None)
        self._n_done += 1
        loaded = "" if self._models.loaded_with(job) is None else ", the model's loading included"
        took = self._took(job) if self._in_detail else ""
        number = f"[{self._n_done}/{self._outlook.n_jobs}]"
        self._say(f"{number} {self._outlook.name(job)}{took} · after {self._spent}{loaded}{self._left}", [_Runs(job)])

    def waits(self, text: str) -> None:
        self._say(text)

    def sent(self, owner: str, n_jobs: int) -> None:
        with_them = f"{count_text(n_jobs, 'job')} {'is' if n_jobs == 1 else 'are'} with them"
        self._with_workers = f"{short_owner(owner)}: workers are at work, {with_them}" if n_jobs else ""

    def _took(self, job: Job) -> str:
        cost = self._outlook.cost(job)
        if cost is None:
            return ""
        memory = cost.get("peak_memory_mb")
        return f" · took {duration(cost['seconds'])}" + ("" if memory is None else f", {memory:.0f} MB")

    def _say(self, text: str, named: Iterable[_Runs] = ()) -> None:
        """Write a line; `named` is what it says the name of."""
        self._said_s, self._named = time.monotonic(), frozenset(runs.what for runs in named)
        self._stream.write(visible(text) + "\n")
        self._stream.flush()


class AnyBar(Progress):
    """A bar that moves by the share of the work that is done; subclasses draw it."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook, self._n_done = outlook, outlook.n_jobs - outlook.n_todo
        self._models, self._loading = Models(), dict[str, str]()

    def draw(self, description: str) -> None:
        """Show the bar as it is now, with what runs in words."""
        raise NotImplementedError

    @property
    def state(self) -> str:
        """How many jobs are done, and how long the rest takes."""
        left_s = self._outlook.estimate.left_s
        is_over = self._n_done == self._outlook.n_jobs
        about = "" if left_s is None or is_over else f", about {left(left_s)} left"
        return f"{self._n_done}/{count_text(self._outlook.n_jobs, 'job')}{about}"

    def begun(self, job: Job) -> None:
        if (model := self._models.loaded_by(job)) is not None:
            self._loading[job.key] = f"loading the model {model}"
        self._draw(job, self._loading.get(job.key, job.label))

    def reached(self, job: Job, share: float, doing: str) -> None:
        how_far = f"{share:.0%} of it" if share else ""
        # Before its first steps, a job that loads a model does little else.
        begins = self._loading.get(job.key, job.label)
        self._draw(job, ", ".join(filter(None, [job.label, how_far, doing])) if share or doing else begins)

    def done(self, job: Job) -> None:
        self._loading.pop(job.key, None)
        self._n_done += 1
        self._draw(job, job.label)

    def _draw(self, job: Job, runs: str) -> None:
        """What runs stands first: where there is no room for all of it, that is what a reader misses most."""
        self.draw(f"{runs} ({self._outlook.owner(job)})")

    def waits(self, text: str) -> None:
        self.draw(text)


class Bar(AnyBar):
    """The bar of commands on a terminal, by rich."""

    def __init__(self, stream: TextIO, outlook: Outlook) -> None:
        from rich import progress
        from rich.console import Console
        from rich.table import Column

        super().__init__(outlook)
        console, whole = Console(file=stream), Column(no_wrap=True)
        self._bar = progress.Progress(
            progress.BarColumn(bar_width=min(20, console.width // 8)),
            progress.TextColumn("{task.fields[state]}", table_column=whole),
            progress.TimeElapsedColumn(table_column=whole),
            # The one that gives where a terminal is narrow.
            progress.TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(
            "starting", total=1.0, state=f"{self._n_done}/{count_text(outlook.n_jobs, 'job')}"
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def draw(self, description: str) -> None:
        share = self._outlook.estimate.share
        self._bar.update(self._task, completed=share, description=visible(description), state=self.state)


def left(seconds: float) -> str:
    """How much time is left: a second at least, as nothing ends at once."""
    return duration(max(1.0, seconds))


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
