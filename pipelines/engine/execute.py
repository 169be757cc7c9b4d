"""Compute jobs, on Dask: threads of this process, or workers elsewhere.

The same graph runs everywhere, and every job computes on one thread, so the bytes are the same. Jobs pass their results
through the store and return their keys only: a lost worker loses the jobs it was computing and nothing else.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from circuits.model.phases import phase, told_elsewhere
from circuits.model.side_by_side import lend
from circuits.numbers import count_text
from pipelines.engine.claim import Meanwhile
from pipelines.engine.estimate import Estimate
from pipelines.engine.execution import Execution
from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.job import Job, new_run
from pipelines.engine.other_jobs import OtherJobs
from pipelines.engine.processors import processors_now, said
from pipelines.engine.progress import Outlook, Progress, progress_on, short_owner
from pipelines.engine.store import Store
from pipelines.engine.told import Told
from pipelines.engine.watch import Tell

OnDone = Callable[[Job], None]
OnBegun = Callable[[Job], None]
OnShare = Callable[[Job, float, float, str], None]
OnWaiting = Callable[[str], None]
OnSent = Callable[[int], None]
WeightsAfter = Callable[[Job], Mapping[str, float]]


def execute(
    todo: Sequence[Job],
    store: Store,
    execution: Execution,
    *,
    on_done: OnDone,
    on_begun: OnBegun = lambda job: None,
    on_share: OnShare = lambda job, share, seconds, doing: None,
    on_waiting: OnWaiting = lambda text: None,
    on_sent: OnSent = lambda n_jobs: None,
    at_once: int = 1,
    run: str | None = None,
) -> None:
    """Compute the jobs and keep their results in `store`. What they read is there, or comes before them in `todo`.

    at_once   how many jobs run side by side in this process
    on_share  called in any thread while a job runs, with how much of it is done, the seconds that it has taken and what
              it does now
    on_begun  called in this thread before each job that runs in this process; of those on workers, for the first alone
    on_waiting  called in this thread with what is said while there are no workers
    on_sent   called in this thread with how many jobs are with workers, each time that this changes
    on_done   called in this thread after each job
    run       names this call, and no other, beside what jobs took; a new name by default
    Raises the first job's error; results of finished jobs are kept.
    """
    if not todo:
        return
    run = run or new_run()
    if execution.scheduler or execution.gpus or execution.workers:
        from pipelines.engine.on_workers import execute_on_workers

        on_begun(todo[0])
        execute_on_workers(
            todo,
            store,
            execution,
            on_done=on_done,
            on_waiting=on_waiting,
            on_sent=on_sent,
            on_share=on_share,
            run=run,
        )
    else:
        _execute_here(todo, store, execution, at_once, on_begun, on_done, on_share, run)


def graph_of(
    todo: Sequence[Job], store: Store, device: str, run: str, tell: Tell, meanwhile: Meanwhile
) -> dict[str, tuple[Any, ...]]:
    """Key -> Dask task; a job waits for the jobs that it reads or must come after, and calls `tell` as it goes on.

    Written as Dask's plain graph: merging one `Delayed` per job takes the square of their number in time and memory.
    """
    from pipelines.engine.run_job import run_job

    folder, tasks = str(store.folder), {job.key: job for job in todo}
    return {
        key: (
            run_job,
            job,
            folder,
            device,
            run,
            tell,
            meanwhile,
            *dict.fromkeys(before for before in job.waits_for if before in tasks),
        )
        for key, job in tasks.items()
    }


def _execute_here(
    todo: Sequence[Job],
    store: Store,
    execution: Execution,
    at_once: int,
    on_begun: OnBegun,
    on_done: OnDone,
    on_share: OnShare,
    run: str,
) -> None:
    from dask.callbacks import Callback
    from dask.threaded import get

    by_key = {job.key: job for job in todo}

    def announce(key: Any, *_: Any) -> None:
        if key in by_key:
            on_begun(by_key[key])

    def report(key: Any, *_: Any) -> None:
        if key in by_key:
            on_done(by_key[key])

    tell = _by_key(by_key, on_share)
    others = OtherJobs(todo, store, execution.device, run, tell)
    graph = graph_of(todo, store, execution.device, run, tell, others)
    # A job that runs alone, such as the choice of a circuit, is helped by the threads that wait for it.
    pool = ThreadPoolExecutor(at_once, "job", initializer=lambda: lend(pool, at_once))
    waits = True
    with _one_thread_per_job(needs_torch=any(job.locations for job in todo)):
        try:
            with Callback(pretask=announce, posttask=report):
                get(graph, list(graph), pool=pool)
        except KeyboardInterrupt:
            # Return at once: a job in flight writes a whole file or none.
            waits = False
            others.end()
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=True)


def _by_key(jobs: Mapping[str, Job], on_share: OnShare) -> Tell:
    return lambda key, share, seconds, doing: on_share(jobs[key], share, seconds, doing)


@contextlib.contextmanager
def _one_thread_per_job(*, needs_torch: bool) -> Iterator[None]:
    """Let numpy and torch use one thread, as jobs do, and restore the caller's number of threads afterwards."""
    with threadpool_limits(1):
        if not needs_torch:
            yield
            return
        import torch

        n_threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run: what was finished is kept, and `resume` is the command that continues."""

    def __init__(self, n_kept: int, n_jobs: int, resume: str) -> None:
        is_are = "is" if n_jobs == 1 else "are"
        super().__init__(f"interrupted; {n_kept} of {count_text(n_jobs, 'job')} {is_are} kept. Continue with: {resume}")


class Work(NamedTuple):
    """Jobs whose results one store keeps; a job comes after those it reads.

    owner  what they are computed for, such as the name of a run; errors say it
    """

    store: Store
    jobs: tuple[Job, ...]
    owner: str

    @property
    def missing(self) -> tuple[Job, ...]:
        """The jobs whose results the store lacks."""
        return tuple(job for job in self.jobs if not self.store.has(job.key))


class Counts(NamedTuple):
    """How many jobs there are, how many of them were computed, and how many another command computed meanwhile."""

    n_jobs: int
    n_computed: int
    n_by_others: int


def compute_missing(
    work: Sequence[Work],
    execution: Execution,
    *,
    resume: Callable[[], str],
    shows_progress: bool,
    in_detail: bool = False,
    outlook: str = "",
    weights_after: WeightsAfter = lambda job: {},
    on_done: OnDone = lambda job: None,
) -> Counts:
    """Compute the jobs that their stores, which must be prepared, lack: one part of the work after the other.

    resume   returns the command that continues; called only on Ctrl-C
    in_detail  whether the progress that is shown says of every job when it begins, and what it took
    outlook  what the jobs will take, said before they begin
    weights_after  called after each job, likewise: weights of jobs by their keys, this one's too, that are known then
    on_done  called after each job; of those kept from before, at once
    Raises `Interrupted` on Ctrl-C, and the first job's error, with a note of the job and its owner.
    """
    with phase("looking up which jobs are kept from before"):
        todo = [part._replace(jobs=part.missing) for part in work]
    n_jobs, every = sum(len(part.jobs) for part in work), [job for part in todo for job in part.jobs]
    missing, run, by_others = {job.key for job in every}, new_run(), set[str]()
    at_once, how = _at_once(execution)
    estimate = Estimate(every, at_once)
    stores = {job.key: part.store for part in work for job in part.jobs}

    def cost(job: Job) -> Mapping[str, Any] | None:
        return stores[job.key].cost(job.key)

    with phase("reading what jobs took that are kept from before"):
        for job in (job for part in work for job in part.jobs):
            if job.key not in missing:
                estimate.reweigh(weights_after(job))
                estimate.learn(job, _seconds(cost(job)))
                on_done(job)
    owners = {job.key: part.owner for part in todo for job in part.jobs}
    progress = Progress()
    if shows_progress and every:
        of = short_owner(", ".join(dict.fromkeys(part.owner for part in todo if part.jobs)))
        kept = f" ({n_jobs - len(every)} are kept from before)" if len(every) < n_jobs else ""
        start = f"{of}: computing {len(every)} of {count_text(n_jobs, 'job')}{kept}, {how}{outlook and f'; {outlook}'}"
        whole = Outlook(n_jobs, len(every), owners, estimate, cost)
        progress = progress_on(sys.stderr, whole, start, in_detail=in_detail)

    try:
        with told_elsewhere(), progress, Heartbeat([part.store for part in todo if part.jobs]) as heartbeat:
            told = Told(owners, estimate, heartbeat, progress)

            def note(job: Job) -> None:
                spent = cost(job)
                if spent is not None and spent.get("run") != run:
                    by_others.add(job.key)
                told.reweighed(weights_after(job))
                told.done(job, _seconds(spent))
                on_done(job)

            with told:
                for part in todo:
                    if part.jobs:
                        told.begins(part.owner)
                    _compute(part, execution, at_once or 1, told, note, run)
    except KeyboardInterrupt:
        n_kept = n_jobs - sum(len(part.missing) for part in work)
        raise Interrupted(n_kept, n_jobs, resume()) from None
    return Counts(n_jobs, len(every) - len(by_others), len(by_others))


def _seconds(cost: Mapping[str, Any] | None) -> float | None:
    return None if cost is None else cost["seconds"]


def _at_once(execution: Execution) -> tuple[int | None, str]:
    """How many jobs run side by side, None where that depends on a cluster; and where they run, for people."""
    if execution.scheduler or execution.gpus or execution.workers:
        return execution.workers, "on workers"
    if execution.device != "cpu":
        # Several jobs at once would share an accelerator's memory without running faster.
        return 1, f"on {execution.device}"
    n_free, n_allowed = processors_now()
    return n_free, said(n_free, n_allowed)


def _compute(part: Work, execution: Execution, at_once: int, told: Told, on_done: OnDone, run: str) -> None:
    try:
        execute(
            part.jobs,
            part.store,
            execution,
            at_once=at_once,
            on_begun=told.begun,
            on_share=told.reached,
            on_waiting=told.waits,
            on_sent=told.sent,
            on_done=on_done,
            run=run,
        )
    except Exception as error:
        error.add_note(f"of {part.owner}")
        raise
