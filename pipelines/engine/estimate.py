"""How much of the work is done and how long the rest takes, by what jobs of the same stage took so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.engine.job import Job

# The time left is told once this share of the work is done, or once this share of what is left has been measured.
_SHARE_DONE = 0.1
_SHARE_MEASURED = 0.8


class Kind(NamedTuple):
    """Jobs whose seconds grow with their weights alike: those of one stage and method, on one model."""

    stage: str
    method: str
    model: str


class Pace:
    """Seconds per weight of the jobs of one kind; the first one, which also imports, counts until there is another."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._weights: list[float] = []

    def add(self, seconds: float, weight: float) -> None:
        self._seconds.append(seconds)
        self._weights.append(weight)

    @property
    def weight(self) -> float:
        """Of the jobs that count."""
        return sum(self._weights[self._n_cold :])

    @property
    def seconds_per_weight(self) -> float:
        return sum(self._seconds[self._n_cold :]) / self.weight

    @property
    def _n_cold(self) -> int:
        return 1 if len(self._weights) > 1 else 0


class Left(NamedTuple):
    """What is left of one kind of job."""

    weight: float
    n_jobs: int

    def plus(self, weight: float, n_jobs: int) -> Left:
        return Left(self.weight + weight, self.n_jobs + n_jobs)


class Estimate:
    """The work of a command: every job in seconds, measured for jobs that are done, else by the pace of their kind.

    A kind that has not been measured goes by the pace in the middle of those that use a model as it does, or do not,
    each as heavy as its jobs. Loading a model is in none of this. Jobs of a kind run side by side, one kind after the
    other.
    """

    def __init__(self, todo: Sequence[Job], at_once: int | None) -> None:
        """What there is to do.

        at_once  how many jobs run side by side; None: as many as turn out to
        """
        self._left: dict[Kind, Left] = {}
        for job in todo:
            kind = _kind(job)
            self._left[kind] = self._left.get(kind, Left(0.0, 0)).plus(job.weight, 1)
        self._at_once = at_once
        self._paces: dict[Kind, Pace] = defaultdict(Pace)
        self._done_s = 0.0
        self._since_first: tuple[float, float] | None = None

    def learn(self, job: Job, seconds: float | None) -> None:
        """What a job took that was done before; None where that is not known."""
        if seconds is not None:
            self._paces[_kind(job)].add(seconds, job.weight)

    def done(self, job: Job, seconds: float | None) -> None:
        """What a job took that is done now."""
        self.learn(job, seconds)
        kind = _kind(job)
        self._left[kind] = self._left[kind].plus(-job.weight, -1)
        self._done_s += seconds or 0.0
        if self._since_first is None:
            self._since_first = (time.monotonic(), self._done_s)

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1."""
        whole_s = self._done_s + sum(self._seconds_left().values())
        if whole_s > 0:
            return self._done_s / whole_s
        return 0.0 if any(left.n_jobs for left in self._left.values()) else 1.0

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done; None while too little is measured to tell."""
        seconds = self._seconds_left()
        work_s = sum(seconds.values())
        measured_s = sum(of for kind, of in seconds.items() if kind in self._paces)
        is_told = self._done_s >= _SHARE_DONE * (self._done_s + work_s) or measured_s >= _SHARE_MEASURED * work_s
        needs_model, knows_model = (any(kind.model for kind in kinds) for kinds in (seconds, self._paces))
        if not is_told or (needs_model and not knows_model):
            return None
        side_by_side = self._side_by_side()
        return sum(of / min(side_by_side, self._left[kind].n_jobs) for kind, of in seconds.items())

    def _seconds_left(self) -> dict[Kind, float]:
        """The work that is left of every kind of job, in seconds on one thread."""
        return {kind: self._seconds_per_weight(kind) * left.weight for kind, left in self._left.items() if left.n_jobs}

    def _seconds_per_weight(self, kind: Kind) -> float:
        if kind in self._paces:
            return self._paces[kind].seconds_per_weight
        alike = [pace for other, pace in self._paces.items() if bool(other.model) == bool(kind.model)]
        return _weighted_median([(pace.seconds_per_weight, pace.weight) for pace in alike])

    def _side_by_side(self) -> float:
        if self._at_once is not None:
            return self._at_once
        if self._since_first is None:
            return 1
        began, before_s = self._since_first
        passed = time.monotonic() - began
        return max(1.0, (self._done_s - before_s) / passed) if passed > 0 else 1


def _kind(job: Job) -> Kind:
    method = job.settings.get("method")
    return Kind(job.stage.name, str(method["name"]) if method else "", job.locations.get("model", ""))


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value below and above which lies half of the weight; 0 of none."""
    half, below = sum(weight for _, weight in values) / 2, 0.0
    for value, weight in sorted(values):
        below += weight
        if below >= half:
            return value
    return 0.0
