"""Plan: what a command will compute, and where its report goes; made without running a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.engine.execute import Work
from pipelines.engine.job import Job


class ResultsNeeded(Exception):
    """Raised by a plan that depends on results which a store lacks: compute `work`, and plan again.

    readers  jobs of the plan that is made then, as far as it is known, which may refuse what is computed
    """

    def __init__(self, work: Sequence[Work], readers: Sequence[Job] = ()) -> None:
        super().__init__(", ".join(job.label for part in work for job in part.jobs))
        self.work, self.readers = work, tuple(readers)

    @property
    def with_readers(self) -> Sequence[Work]:
        """The work, with the jobs that read what it computes behind it."""
        return [part._replace(jobs=(*part.jobs, *self.readers)) for part in self.work]


class Plan:
    """What a command will compute. Subclasses stand in `plan.py` of each command."""

    @property
    def folder(self) -> Path:
        """Where the files of the report go."""
        raise NotImplementedError

    @property
    def work(self) -> Sequence[Work]:
        """Every job, done or not, with the store that keeps it; what shares a model stands together."""
        return ()

    @property
    def check(self) -> Job | None:
        """The job after which `begin` is called: what was asked for can be computed. None: there is no such job."""
        return None

    @property
    def outlook(self) -> str:
        """What the jobs still to do will take, said before they begin; empty where there is nothing to say."""
        return ""

    def announcement(self, done: Job) -> str | None:
        """What long work comes next, said once a job is done; None where there is nothing to say."""
        return None

    def passes_after(self, done: Job) -> Mapping[str, float]:
        """Forward passes of a prompt of its own that a job takes, by its key: of jobs of which this one decides it."""
        return {}

    def weights_after(self, done: Job) -> Mapping[str, float]:
        """Weights of jobs by their keys, as they are known once this one is done; also of jobs that are done."""
        return self.passes_after(done)

    def begin(self, command: str) -> None:
        """Note in `folder` what is going to be computed, so that it can be listed, and continued by the command."""

    def end(self, error: Exception | None, command: str, *, computed: Sequence[Job] = ()) -> None:
        """Note in `folder` that all is done, or the error that ended it and the command that tries again.

        computed  the jobs that were computed before it ended
        """
