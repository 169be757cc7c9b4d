"""Compute the jobs, of a list or of a run, that the store lacks; show progress, and say how to resume after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pipelines.config import Execution
from pipelines.execute import OnDone, execute
from pipelines.job import Job
from pipelines.progress import Progress, progress_on
from pipelines.runs import AnyPlan, begin_run, command_of, is_begun
from pipelines.store import Store


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run: what was finished is kept, and `resume` is the command that continues."""

    def __init__(self, n_kept: int, n_jobs: int, resume: str) -> None:
        super().__init__(f"interrupted; {n_kept} of {n_jobs} jobs are kept. Continue with: {resume}")


def compute_missing(
    jobs: Sequence[Job],
    store: Store,
    execution: Execution,
    *,
    resume: Callable[[], str],
    shows_progress: bool,
    on_done: OnDone | None = None,
) -> int:
    """Compute those of the jobs that the store lacks. Returns how many there were.

    resume   returns the command that continues; called only on Ctrl-C
    on_done  called after each job
    Raises `Interrupted` on Ctrl-C, and the first job's error.
    """
    store.prepare()
    todo = [job for job in jobs if not store.has(job.key)]
    progress = progress_on(sys.stderr, todo, len(jobs)) if shows_progress and todo else Progress()

    def note(job: Job) -> None:
        progress.done(job)
        if on_done is not None:
            on_done(job)

    try:
        with progress:
            execute(todo, store, execution, on_done=note)
    except KeyboardInterrupt:
        raise Interrupted(sum(store.has(job.key) for job in jobs), len(jobs), resume()) from None
    return len(todo)


def compute_run(plan: AnyPlan, store: Store, execution: Execution, *, shows_progress: bool) -> int:
    """Compute the jobs of a run that a prepared store lacks. Returns how many there were.

    The run's folder is created only after the check has passed: input that is refused leaves no run behind.
    """
    check = plan.jobs.check
    if is_begun(store, plan) or store.has(check.key):
        begin_run(store, plan)

    def on_done(job: Job) -> None:
        if job.key == check.key:
            begin_run(store, plan)

    command = f"circuits {command_of(plan.config)}"
    return compute_missing(
        plan.jobs.all,
        store,
        execution,
        resume=lambda: f"{command} --config {begin_run(store, plan)} --out {execution.out}",
        shows_progress=shows_progress,
        on_done=on_done,
    )
