"""What a thread computes while it waits for a job that another process is computing: another job of its own command.

Two identical commands meet this way: the second takes jobs from the end, while the first comes from the front.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from pipelines.engine.claim import Meanwhile, is_free
from pipelines.engine.job import Job
from pipelines.engine.store import Store
from pipelines.engine.watch import Tell

# Of the time, at most this share goes into looking for a job.
_SHARE_LOOKING = 0.1


class OtherJobs(Meanwhile):
    """The jobs of a command, for threads of this process that wait."""

    def __init__(self, todo: Sequence[Job], store: Store, device: str, run: str, tell: Tell) -> None:
        self._left = list(todo)
        self._store, self._device, self._run, self._tell = store, device, run, tell
        self._lock, self._end = threading.Lock(), threading.Event()
        self._not_before_s = 0.0

    def end(self) -> None:
        """Say that the command ends, so that nobody waits any more."""
        self._end.set()

    @property
    def is_over(self) -> bool:
        return self._end.is_set()

    def work(self) -> bool:
        from pipelines.engine.run_job import run_job

        if (job := self._next()) is None:
            return False
        run_job(job, str(self._store.folder), self._device, self._run, self._tell)
        return True

    def _next(self) -> Job | None:
        """The last job that can be computed now; each is given once."""
        with self._lock:
            began_s = time.monotonic()
            if began_s < self._not_before_s:
                return None
            for index in range(len(self._left) - 1, -1, -1):
                if self._can_begin(self._left[index]):
                    return self._left.pop(index)
            now_s = time.monotonic()
            self._not_before_s = now_s + (now_s - began_s) / _SHARE_LOOKING
            return None

    def _can_begin(self, job: Job) -> bool:
        path = self._store.path
        if path(job.key).exists() or not is_free(self._store.claim(job.key)):
            return False
        return all(path(key).exists() for key in job.waits_for)
