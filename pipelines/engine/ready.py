"""Which jobs can begin: those whose earlier jobs are done, the one that most work waits for first. Pure decisions."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from pipelines.engine.job import Job


class Ready:
    """The jobs still to begin. `take` gives those that can, and `done` lets those begin that waited for a job."""

    def __init__(self, todo: Sequence[Job]) -> None:
        """What there is to do; a job comes after those that it waits for, which are done where they are not in it."""
        self._jobs = list(todo)
        numbers = {job.key: number for number, job in enumerate(self._jobs)}
        self._n_before = [0] * len(self._jobs)
        self._next: list[list[int]] = [[] for _ in self._jobs]
        for number, job in enumerate(self._jobs):
            for before in {numbers[key] for key in job.waits_for if key in numbers}:
                self._next[before].append(number)
                self._n_before[number] += 1
        self._numbers = numbers
        self._behind = self._work_behind()
        self._can_begin = [self._entry(number) for number, n_before in enumerate(self._n_before) if not n_before]
        heapq.heapify(self._can_begin)
        self.n_left = len(self._jobs)

    def take(self, n_jobs: int) -> list[Job]:
        """At most so many jobs that can begin now; none of them twice."""
        n_jobs = min(n_jobs, len(self._can_begin))
        return [self._jobs[heapq.heappop(self._can_begin)[1]] for _ in range(n_jobs)]

    def put_back(self, job: Job) -> None:
        """Say that a job which was taken did not come to its end: it can begin again."""
        heapq.heappush(self._can_begin, self._entry(self._numbers[job.key]))

    @property
    def n_can_begin(self) -> int:
        """How many jobs can begin now."""
        return len(self._can_begin)

    @property
    def first(self) -> Job | None:
        """The job that `take` gives next; None where none can begin."""
        return self._jobs[self._can_begin[0][1]] if self._can_begin else None

    def done(self, job: Job) -> None:
        """Say that a job is done."""
        self.n_left -= 1
        for number in self._next[self._numbers[job.key]]:
            self._n_before[number] -= 1
            if not self._n_before[number]:
                heapq.heappush(self._can_begin, self._entry(number))

    def _entry(self, number: int) -> tuple[float, int]:
        return -self._behind[number], number

    def _work_behind(self) -> list[float]:
        """The longest chain of work that begins with each job."""
        behind = [0.0] * len(self._jobs)
        for number in reversed(range(len(self._jobs))):
            longest = max((behind[later] for later in self._next[number]), default=0.0)
            behind[number] = self._jobs[number].weight + longest
        return behind
