"""How much of the work is done and how long the rest takes, by what jobs of the same stage took so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipelines.engine.agenda import Agenda, Kind, Left
from pipelines.engine.job import Job

# The time left is told once this share of what is left is measured, or has a pace like what is measured; of jobs whose
# weights mean nothing beside others, this share of them by themselves as well: they may take most of the time.
_SHARE_KNOWN = 0.8
# A job that runs says something of its pace from a share on, after so many seconds; or after many, whatever the share.
_SHARE_OF_JOB, _SECONDS_OF_JOB, _MANY_SECONDS_OF_JOB = 0.01, 0.5, 30.0
# What came before a job first told how far it was does not count for its pace, unless that was more of it.
_FIRST_SHARE = 0.1
# What the pace of other jobs says of one that runs, as a share of it that had been done so; and what that of jobs done
# before says of how fast the machine is now.
_BY_OTHERS = 0.1
# How many times slower than those after it a first job is that imported.
_COLD = 1.5


class Pace:
    """Seconds per weight of the jobs of one kind. The first one may import as well: where it is much slower than those
    after it, it does not count."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._later_s = self._later_weight = 0.0

    def add(self, seconds: float, weight: float) -> None:
        if self._first is None:
            self._first = seconds, weight
        else:
            self._later_s += seconds
            self._later_weight += weight

    @property
    def weight(self) -> float:
        """Of the jobs that count."""
        return self._counted[1]

    @property
    def seconds_per_weight(self) -> float:
        seconds, weight = self._counted
        return seconds / weight

    @property
    def seconds(self) -> float:
        """Of the jobs that count."""
        return self._counted[0]

    def times(self, factor: float) -> Pace:
        """The pace of jobs that take so many times as long."""
        found = Pace()
        found.add(factor * self.seconds, self.weight)
        return found

    @property
    def _counted(self) -> tuple[float, float]:
        """Seconds and weight of the jobs that count."""
        if self._first is None or not self._later_s:
            return self._first or (0.0, 0.0)
        seconds, weight = self._first
        if seconds / weight > _COLD * self._later_s / self._later_weight:
            return self._later_s, self._later_weight
        return seconds + self._later_s, weight + self._later_weight


class Running(NamedTuple):
    """A job that runs now, how much of it is done, and the seconds that it has taken.

    before_s  those of them that had passed when the first of it was still to be done
    first     share and seconds when it first told how far it was: what comes once, such as recording runs, is behind it
    """

    kind: Kind
    weight: float
    share: float
    seconds: float
    before_s: float
    first: tuple[float, float]

    @property
    def since_first(self) -> tuple[float, float]:
        """The share that was done since then, and the seconds that it took."""
        return self.share - self.first[0], self.seconds - self.first[1]

    def left_s(self, expected_s: float) -> float:
        """The seconds that it still takes, by its own pace, and by that of other jobs as if some of it had been done
        so: its first steps say little.

        expected_s  what it takes by the pace of others; 0 where that is not known
        """
        if not expected_s:
            return (self.seconds - self.before_s) / self.share * (1 - self.share)
        share, own_s = self.since_first
        return (own_s + _BY_OTHERS * expected_s) / (share + _BY_OTHERS) * (1 - self.share)


class Estimate:
    """The work of a command: every job in seconds, measured for jobs that are done, else by the pace of their kind.

    A kind that has not been measured goes by the pace in the middle of those that use a model as it does, or do not,
    each as heavy as its jobs; kinds whose weights mean nothing beside others (`Job.is_apart`) have no part in this.
    Jobs that were done before count by how much slower the machine is now. Loading a model is in none of it. Jobs of a
    kind run side by side, one kind after the other.
    """

    def __init__(self, todo: Sequence[Job], at_once: int | None) -> None:
        """What there is to do.

        at_once  how many jobs run side by side; None: as many as turn out to
        """
        self._agenda = Agenda(todo)
        self._at_once = at_once
        self._paces: dict[Kind, Pace] = defaultdict(Pace)
        self._before: dict[Kind, Pace] = defaultdict(Pace)
        self._running: dict[str, Running] = {}
        self._silent: dict[str, tuple[Job, float]] = {}
        self._before_s: dict[str, float] = {}
        self._first: dict[str, tuple[float, float]] = {}
        self._done_s = 0.0
        self._since_first: tuple[float, float] | None = None

    def learn(self, job: Job, seconds: float | None) -> None:
        """What a job took that was done before; None where that is not known."""
        self._add(self._before, job, seconds)

    def reweigh(self, weights: Mapping[str, float]) -> None:
        """Weights of jobs, by their keys, that are known now: they compare with those of all jobs that run a model."""
        self._agenda.reweigh(weights)

    def begun(self, job: Job) -> None:
        """A job begins now. Until it tells how far it is, time goes on as it should take."""
        self._silent[job.key] = job, time.monotonic()

    def reached(self, job: Job, share: float, seconds: float) -> None:
        """How much of a job is done that runs now, and the seconds that it has taken."""
        if not share:
            self._before_s[job.key] = seconds
        before_s = self._before_s.get(job.key, 0.0)
        least_s = _SECONDS_OF_JOB if share >= _SHARE_OF_JOB else _MANY_SECONDS_OF_JOB
        if share and seconds - before_s >= least_s:
            self._silent.pop(job.key, None)
            planned = self._agenda.of(job)
            first = self._first.setdefault(job.key, (share, seconds) if share <= _FIRST_SHARE else (0.0, before_s))
            self._running[job.key] = Running(planned.kind, planned.weight, share, seconds, before_s, first)

    def done(self, job: Job, seconds: float | None) -> None:
        """What a job took that is done now."""
        self._running.pop(job.key, None)
        self._silent.pop(job.key, None)
        self._add(self._paces, job, seconds)
        self._agenda.done(job)
        self._done_s += seconds or 0.0
        if self._since_first is None:
            self._since_first = (time.monotonic(), self._done_s)

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1: of the weight, until the time left can be told."""
        if not self._is_told:
            # Sums in another order may round to less than nothing done.
            return min(max(self._weight_done / self._agenda.weight, 0.0), 1.0)
        whole_s = self._spent_s + sum(self._seconds_left().values())
        if whole_s > 0:
            return self._spent_s / whole_s
        return 0.0 if self._agenda.left else 1.0

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done; None while too little is measured to tell."""
        if not self._is_told:
            return None
        seconds, side_by_side = self._seconds_left(), self._side_by_side()
        return sum(of / min(side_by_side, self._agenda.left[kind].n_jobs) for kind, of in seconds.items())

    def _add(self, paces: dict[Kind, Pace], job: Job, seconds: float | None) -> None:
        if seconds is not None:
            planned = self._agenda.of(job)
            paces[planned.kind].add(seconds, planned.weight)

    @property
    def _is_told(self) -> bool:
        """Whether enough is known of the paces of what is left. Its weight decides: its seconds are not known yet."""
        paces, left = self._paces_now(), self._agenda.left
        apart = {kind: of for kind, of in left.items() if kind.is_apart}
        return all(_is_known(some, paces) for some in (left, apart))

    @property
    def _weight_done(self) -> float:
        left = sum(of.weight for of in self._agenda.left.values())
        return self._agenda.weight - left + sum(job.weight * job.share for job in self._running.values())

    @property
    def _spent_s(self) -> float:
        """What jobs have taken, those that run now included."""
        paces = self._paces_now()
        silent_s = sum(self._silent_s(kind, paces) for kind in self._agenda.left)
        return self._done_s + silent_s + sum(running.seconds for running in self._running.values())

    def _seconds_left(self) -> dict[Kind, float]:
        """The work that is left of every kind of job, in seconds on one thread."""
        paces, seconds = self._paces_now(), dict[Kind, float]()
        for kind, left in self._agenda.left.items():
            running = [job for job in self._running.values() if job.kind == kind]
            to_begin = left.weight - sum(job.weight for job in running)
            rest_s = sum(map(self._left_s, running))
            begun_s = self._silent_s(kind, paces)
            seconds[kind] = rest_s + _seconds_per_weight(kind, paces) * max(0.0, to_begin) - begun_s
        return seconds

    def _left_s(self, job: Running) -> float:
        return job.left_s(_seconds_per_weight(job.kind, self._known_paces()) * job.weight)

    def _silent_s(self, kind: Kind, paces: Mapping[Kind, Pace]) -> float:
        """What jobs have taken that run and do not tell how far they are: as long as they should take, at most."""
        now_s, pace = time.monotonic(), _seconds_per_weight(kind, paces)
        planned = [(self._agenda.of(job), began_s) for job, began_s in self._silent.values()]
        return sum(min(now_s - began_s, pace * of.weight) for of, began_s in planned if of.kind == kind)

    def _paces_now(self) -> dict[Kind, Pace]:
        """The pace of every kind; of one of which no job is done, that of those that run."""
        paces = self._known_paces()
        for job in self._running.values():
            if job.kind not in self._paces and job.kind not in self._before:
                paces.setdefault(job.kind, Pace()).add(job.seconds + self._left_s(job), job.weight)
        return paces

    def _known_paces(self) -> dict[Kind, Pace]:
        """The pace of every kind of which jobs are done, now or before."""
        slower, found = self._slower(), dict(self._paces)
        for kind, pace in self._before.items():
            found[kind] = pace.times(slower if _is_like_others(kind) else 1.0)
            if kind in self._paces:
                found[kind].add(self._paces[kind].seconds, self._paces[kind].weight)
        return found

    def _slower(self) -> float:
        """How many times longer jobs that run a model take now than those that were done before."""
        known = {kind: pace for kind, pace in self._before.items() if _is_like_others(kind)}
        typical = _weighted_median([(pace.seconds_per_weight, pace.weight) for pace in known.values()])

        def before_s(kind: Kind, weight: float) -> float:
            return weight * (known[kind].seconds_per_weight if kind in known else typical)

        spent_s = expected_s = 0.0
        for kind, pace in self._paces.items():
            if _is_like_others(kind):
                spent_s += pace.seconds
                expected_s += before_s(kind, pace.weight)
        for job in self._running.values():
            if _is_like_others(job.kind):
                share, own_s = job.since_first
                spent_s += own_s
                expected_s += before_s(job.kind, share * job.weight)
        left_s = sum(before_s(kind, of.weight) for kind, of in self._agenda.left.items() if _is_like_others(kind))
        assumed_s = _BY_OTHERS * (expected_s + left_s)
        return (spent_s + assumed_s) / (expected_s + assumed_s) if expected_s else 1.0

    def _side_by_side(self) -> float:
        if self._at_once is not None:
            return self._at_once
        if self._since_first is None:
            return 1
        began, before_s = self._since_first
        passed = time.monotonic() - began
        return max(1.0, (self._done_s - before_s) / passed) if passed > 0 else 1


def _is_known(left: Mapping[Kind, Left], paces: Mapping[Kind, Pace]) -> bool:
    """Whether there are paces for enough of what is left."""
    known = sum(of.weight for kind, of in left.items() if kind in paces or _alike(kind, paces))
    return known >= _SHARE_KNOWN * sum(of.weight for of in left.values())


def _seconds_per_weight(kind: Kind, paces: Mapping[Kind, Pace]) -> float:
    if kind in paces:
        return paces[kind].seconds_per_weight
    return _weighted_median([(pace.seconds_per_weight, pace.weight) for pace in _alike(kind, paces)])


def _alike(kind: Kind, paces: Mapping[Kind, Pace]) -> list[Pace]:
    """The paces that say something of a kind that has not been measured."""
    if kind.is_apart:
        return []
    return [pace for other, pace in paces.items() if not other.is_apart and bool(other.model) == bool(kind.model)]


def _is_like_others(kind: Kind) -> bool:
    """Whether the pace of a kind says something of that of others that run a model."""
    return bool(kind.model) and not kind.is_apart


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value below and above which lies half of the weight; 0 of none."""
    half, below = sum(weight for _, weight in values) / 2, 0.0
    for value, weight in sorted(values):
        below += weight
        if below >= half:
            return value
    return 0.0
