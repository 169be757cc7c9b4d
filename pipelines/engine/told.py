"""Told: what is said of jobs while they are computed, to people and to other commands, job by job and within jobs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Self

from pipelines.engine.estimate import Estimate
from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.job import Job
from pipelines.engine.progress import Progress, short_owner

_EVERY_S = 1.0


class Told:
    """Hands on what happens to the estimate, the heartbeat and the progress; used in a `with`.

    Jobs that run side by side tell of it in threads of their own: one after the other comes through.
    """

    def __init__(self, owners: Mapping[str, str], estimate: Estimate, heartbeat: Heartbeat, progress: Progress) -> None:
        """owners  key of a job -> what it is computed for"""
        self._owners, self._estimate, self._heartbeat, self._progress = owners, estimate, heartbeat, progress
        self._lock, self._ends = threading.Lock(), threading.Event()
        self._owner: str | None = None
        self._ticks = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._ticks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._ticks.join()

    def reweighed(self, weights: Mapping[str, float]) -> None:
        """Weights of jobs, by their keys, that are known now."""
        with self._lock:
            self._estimate.reweigh(weights)

    def begins(self, owner: str) -> None:
        """The jobs of `owner` begin."""
        with self._lock:
            self._owner = owner
            self._beat()

    def begun(self, job: Job) -> None:
        """A job begins."""
        with self._lock:
            self._estimate.begun(job)
            self._progress.begun(job)

    def waits(self, text: str) -> None:
        """Nothing is computed for now; `text` says why."""
        with self._lock:
            self._progress.waits(text if self._owner is None else f"{short_owner(self._owner)}: {text}")

    def sent(self, n_jobs: int) -> None:
        """So many jobs are with workers now."""
        with self._lock:
            if self._owner is not None:
                self._progress.sent(self._owner, n_jobs)

    def reached(self, job: Job, share: float, seconds: float, doing: str) -> None:
        """How much of a job is done, the seconds that it has taken, and what it does now."""
        with self._lock:
            self._owner = self._owners[job.key]
            self._estimate.reached(job, share, seconds)
            self._progress.reached(job, share, doing)

    def done(self, job: Job, seconds: float | None) -> None:
        """A job is done; None where it is not known what it took."""
        with self._lock:
            self._owner = self._owners[job.key]
            self._estimate.done(job, seconds)
            self._beat()
            self._progress.done(job)

    def _tick(self) -> None:
        while not self._ends.wait(_EVERY_S):
            with self._lock:
                self._beat()
                self._progress.tick()

    def _beat(self) -> None:
        if self._owner is not None:
            self._heartbeat.beat(self._owner, self._estimate.share, self._estimate.left_s)
