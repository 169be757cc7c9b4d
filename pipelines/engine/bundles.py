"""Short jobs that go to a worker together, so that many workers are not kept waiting for new ones.

The scheduler and the command take some milliseconds to hand out a task, whatever it computes. A few workers never
notice; two hundred of them, at jobs of a tenth of a second, want two thousand a second. What a job computes is in its
key, so jobs stay as they are, and it is tasks that are sized by time: by how long jobs of a kind took so far.
"""

from __future__ import annotations

from collections import defaultdict

from pipelines.engine.agenda import Kind, kind_of
from pipelines.engine.estimate import Pace
from pipelines.engine.job import Job
from pipelines.engine.ready import Ready

# A task is handed out every so many seconds at most: some three times what that takes the busier of two processes.
_HANDED_OUT_EVERY_S = 0.005


class Bundles:
    """Takes jobs that can begin together, as many as suit the number of threads that compute."""

    def __init__(self) -> None:
        self._paces: dict[Kind, Pace] = defaultdict(Pace)

    def learn(self, job: Job, seconds: float | None) -> None:
        """What a job took; None where that is not known."""
        if seconds is not None:
            self._paces[kind_of(job)].add(seconds, job.weight)

    def take(self, ready: Ready, n_threads: int) -> list[Job]:
        """The jobs to send next as one task; none where none can begin.

        Jobs whose kind has not been measured go alone, and no more together than leaves as many for every thread.
        """
        jobs = ready.take(1)
        if not jobs:
            return []
        n_threads = max(1, n_threads)
        n_most, most_s = ready.n_can_begin // n_threads, n_threads * _HANDED_OUT_EVERY_S
        whole_s = self.expected_s(jobs[0])
        while whole_s is not None and len(jobs) < n_most and (following := ready.first) is not None:
            following_s = self.expected_s(following)
            if following_s is None or whole_s + following_s > most_s:
                break
            jobs += ready.take(1)
            whole_s += following_s
        return jobs

    def expected_s(self, job: Job) -> float | None:
        """What a job is likely to take; None where none of its kind has been measured."""
        pace = self._paces.get(kind_of(job))
        return None if pace is None else pace.seconds_per_weight * job.weight
