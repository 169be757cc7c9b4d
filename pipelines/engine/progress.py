"""How far a run is and about how long it still takes: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TextIO

from pipelines.engine.job import Job

# By then the prompts, checks and baseline are done, and some of the costly jobs.
_WEIGHT_TO_TELL = 30


class Progress:
    """Reports jobs that begin and end; used in a `with`. This one prints nothing, for use from Python."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begun(self, job: Job) -> None:
        """`job` begins."""

    def done(self, job: Job) -> None:
        """`job` is done."""


def progress_on(stream: TextIO, todo: Sequence[Job], n_jobs: int, start: str) -> Progress:
    """A bar where `stream` is a terminal, else a line per job. The line `start` is written at once."""
    stream.write(start + "\n")
    stream.flush()
    return Bar(stream, todo, n_jobs) if stream.isatty() else Lines(stream, todo, n_jobs)


class Estimate:
    """Time left, from the weights of the jobs and the pace since the first one, which also waited for imports."""

    def __init__(self, todo: Sequence[Job]) -> None:
        self._left = sum(job.weight for job in todo)
        self._done = 0.0
        self._began_s: float | None = None

    def after(self, job: Job) -> float | None:
        """Seconds left once `job` is done; None while too little is done to tell."""
        self._left -= job.weight
        if self._began_s is None:
            self._began_s = time.monotonic()
            return None
        self._done += job.weight
        is_known = self._done > _WEIGHT_TO_TELL
        return (time.monotonic() - self._began_s) * self._left / self._done if is_known else None


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


class Lines(Progress):
    """One line when a job is done: `[3/9] measure eap prompts 0-15 · after 4.1 s, about 6.0 s left`.

    The time is that since the start. A line before says which model is loaded first.
    """

    def __init__(self, stream: TextIO, todo: Sequence[Job], n_jobs: int) -> None:
        self._stream, self._n_jobs, self._n_done = stream, n_jobs, n_jobs - len(todo)
        self._estimate, self._began_s, self._models = Estimate(todo), time.monotonic(), Models()
        if self._n_done:
            self._say(f"{self._n_done} of {n_jobs} jobs are kept from before")

    def begun(self, job: Job) -> None:
        if (model := self._models.loaded_by(job)) is not None:
            self._say(f"loading the model {model}; then: {job.label}")

    def done(self, job: Job) -> None:
        self._n_done += 1
        left_s = self._estimate.after(job)
        left = "" if left_s is None or self._n_done == self._n_jobs else f", about {duration(left_s)} left"
        loaded = "" if self._models.loaded_with(job) is None else ", the model's loading included"
        spent = duration(time.monotonic() - self._began_s)
        self._say(f"[{self._n_done}/{self._n_jobs}] {job.label} · after {spent}{loaded}{left}")

    def _say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Bar(Progress):
    """A bar that moves by the weights of the jobs that are done."""

    def __init__(self, stream: TextIO, todo: Sequence[Job], n_jobs: int) -> None:
        from rich import progress
        from rich.console import Console

        self._n_jobs, self._n_done, self._estimate = n_jobs, n_jobs - len(todo), Estimate(todo)
        self._models = Models()
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[state]}"),
            progress.TimeElapsedColumn(),
            console=Console(file=stream),
            transient=True,
        )
        total = sum(job.weight for job in todo)
        self._task = self._bar.add_task("starting", total=total, state=f"{self._n_done}/{n_jobs} jobs")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begun(self, job: Job) -> None:
        model = self._models.loaded_by(job)
        self._bar.update(self._task, description=job.label if model is None else f"loading the model {model}")

    def done(self, job: Job) -> None:
        self._n_done += 1
        left_s = self._estimate.after(job)
        left = "" if left_s is None else f", about {duration(left_s)} left"
        state = f"{self._n_done}/{self._n_jobs} jobs{left}"
        self._bar.update(self._task, advance=job.weight, description=job.label, state=state)


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
