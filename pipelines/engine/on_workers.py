"""Compute jobs on Dask workers, which may come late, die, or never have been there.

A job is sent once all that it reads is done, and only so many at a time: the scheduler holds a few hundred jobs,
however many there are. Jobs wait for each other here and not in Dask, so a worker takes nothing with it but the jobs
that it is computing, and these are sent again by Dask.
"""

from __future__ import annotations

import pickle
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Timer
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.numbers import count_text
from pipelines.engine.agenda import kind_of
from pipelines.engine.ahead import Ahead
from pipelines.engine.bundles import Bundles
from pipelines.engine.cluster import connect, device_of, resources_of
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, new_run, short_digest
from pipelines.engine.ready import Ready
from pipelines.engine.remote_job import Parcel, as_bytes, keep
from pipelines.engine.sent_inputs import SentInputs
from pipelines.engine.store import Store
from pipelines.engine.versions_here import versions_here
from pipelines.engine.worker_checks import require_folder, require_models, require_same_packages

if TYPE_CHECKING:
    from distributed import Client, Future

_LOOK_EVERY_S = 1.0
_SCHEDULER_WAIT_S = 15
_TOLD_AFTER_S = 2.0  # what takes longer to be answered is said to be waited for
# A job that takes longer is sent to a thread that is free, and none ahead.
_LONG_S = 5.0
# Jobs are sent so many times again that were lost with several workers, one after the other.
_MOST_AGAIN = 3
# About so many jobs are made ready to be sent at a time, while the first of them are already computed; where results
# travel with jobs they are fewer, as each holds what it reads.
_AT_A_TIME, _AT_A_TIME_WITH_RESULTS = 256, 64


class ClusterError(RuntimeError):
    """The scheduler or its workers went away during a run; what was finished is kept."""


def execute_on_workers(
    todo: Sequence[Job],
    store: Store,
    execution: Execution,
    *,
    on_done: Callable[[Job], None],
    on_waiting: Callable[[str], None],
    on_sent: Callable[[int], None] = lambda n_jobs: None,
    on_share: Callable[[Job, float, float, str], None] = lambda job, share, seconds, doing: None,
    run: str | None = None,
) -> None:
    """Compute the jobs on the workers that `execution` asks for, and keep their results in `store`.

    on_done     called in this thread after each job
    on_waiting  called in this thread with what is said while there are no workers
    on_sent     called in this thread with how many jobs are with workers, each time that this changes
    on_share    called in another thread while a job runs, with how much of it is done, the seconds that it has taken
                and what it does now
    run         names this call, and no other; a new name by default
    Raises the first job's error; a ValueError for workers that lack what jobs need; `ClusterError` where all are gone.
    """
    run, by_key = run or new_run(), {job.key: job for job in todo}

    def tell(event: tuple[float, Any]) -> None:
        key, share, seconds, doing = event[1]
        on_share(by_key[key], share, seconds, doing)

    with connect(execution) as client:
        client.subscribe_topic(run, tell)
        Course(client, todo, store, execution, on_waiting, run).run(on_done, on_sent)


class _Sent(NamedTuple):
    """A task that is sent and not done, and the workers that there were then."""

    jobs: list[Job]
    future: Future
    workers: frozenset[str]


class Course:
    """One run of jobs on the workers of a client."""

    def __init__(
        self,
        client: Client,
        todo: Sequence[Job],
        store: Store,
        execution: Execution,
        on_waiting: Callable[[str], None],
        run: str,
    ) -> None:
        """run  the topic under which workers tell how far jobs are"""
        self._client, self._store, self._execution, self._on_waiting = client, store, execution, on_waiting
        self._run = run
        self._address = str(client.scheduler.address)  # pyright: ignore[reportOptionalMemberAccess]
        self._models = {
            job.locations["model"]: str(job.settings["model"]) for job in todo if {"model"} <= job.locations.keys()
        }
        self._ready, self._bundles = Ready(todo), Bundles()
        self._n_jobs = len(todo)
        self._sent: dict[Any, _Sent] = {}
        self._n_again, self._workers = Counter[str](), frozenset[str]()
        self._ahead = Ahead()
        self._finished: SimpleQueue[Future] = SimpleQueue()
        self._checked: set[str] = set()
        self._n_threads, self._alone_since, self._looked = 0, None, 0.0
        self._device, self._resources = device_of(execution), dict[str, float]()
        # Two runs share the work of a job on one scheduler only where they keep it in one store.
        self._of_store = short_digest((str(store.folder), execution.data))
        is_shared, self._versions = execution.data == "shared", versions_here()
        self._inputs = None if is_shared else SentInputs(client, todo, store, self._of_store)

    def run(self, on_done: Callable[[Job], None], on_sent: Callable[[int], None] = lambda n_jobs: None) -> None:
        """Compute every job."""
        n_said = 0
        try:
            while self._ready.n_left:
                self._look()
                is_all_sent = self._send()
                if (n_sent := self._n_with_workers) != n_said:
                    on_sent(n_said := n_sent)
                for key in self._now_finished(wait_s=_LOOK_EVERY_S if is_all_sent else 0.0):
                    for job in self._settle(key):
                        on_done(job)
            on_sent(0)
        finally:
            self._client.cancel([sent.future for sent in self._sent.values()])

    def _send(self) -> bool:
        """Send jobs that can begin, as many as the workers will want soon, or some of these. Whether it was all."""
        at_a_time = _AT_A_TIME if self._inputs is None else _AT_A_TIME_WITH_RESULTS
        tasks, n_jobs = list[list[Job]](), 0
        while n_jobs < at_a_time and (first := self._ready.first) is not None:
            is_long = self._is_long(first)
            if not self._ahead.has_room(self._n_threads, is_long=is_long):
                break
            tasks.append(self._bundles.take(self._ready, self._n_threads))
            n_jobs += len(tasks[-1])
            self._ahead.add(self._name(tasks[-1]), is_long=is_long)
        if not tasks:
            return True
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            sent = self._send_shared(tasks) if self._inputs is None else self._send_with(self._inputs, tasks)
        for jobs, future in zip(tasks, sent, strict=True):
            self._sent[future.key] = _Sent(jobs, future, self._workers)
            future.add_done_callback(self._finished.put)
        return n_jobs < at_a_time

    @property
    def _n_with_workers(self) -> int:
        """How many jobs are sent and not done, where there are workers that may be at them."""
        return sum(len(sent.jobs) for sent in self._sent.values()) if self._workers else 0

    def _is_long(self, job: Job) -> bool:
        """Whether a job is not known to be over soon."""
        expected_s = self._bundles.expected_s(job)
        return expected_s is None or expected_s > _LONG_S

    def _send_shared(self, tasks: list[list[Job]]) -> list[Future]:
        parcels = [as_bytes([self._parcel(job) for job in jobs]) for jobs in tasks]
        names = [self._name(jobs) for jobs in tasks]
        return self._client.map(pickle.loads, parcels, key=names, resources=self._resources or None)

    def _send_with(self, inputs: SentInputs, tasks: list[list[Job]]) -> list[Future]:
        """Send jobs together with what they read, as far as that is not with the workers."""
        futures = []
        for jobs in tasks:
            contents, apart = inputs.of(jobs)
            data = as_bytes([self._parcel(job) for job in jobs], contents, list(apart))
            options: dict[str, Any] = {"key": self._name(jobs), "resources": self._resources or None}
            if apart:
                options["buffers"] = list(apart.values())
            futures.append(self._client.submit(pickle.loads, data, **options))
        return futures

    def _parcel(self, job: Job) -> Parcel:
        folder = str(self._store.folder) if self._inputs is None else None
        files = {} if self._inputs is None else self._inputs.files(job)
        return Parcel(job, self._device, self._versions, self._run, folder, files)

    def _name(self, jobs: list[Job]) -> str:
        """What the scheduler knows a task by: two commands that want the same one share it."""
        first, *others = jobs
        key = first.key if not others else short_digest([job.key for job in jobs])
        # Dask takes what stands before the digest for what tasks that take equally long have in common.
        kind, n_again = "-".join(filter(None, kind_of(first)[:2])), self._n_again[first.key]
        return f"{kind}-{self._of_store}-{key}" + (f"-{n_again}" if n_again else "")

    def _now_finished(self, *, wait_s: float) -> list[str]:
        """The tasks that are finished, once there is one; none where that takes longer than one is to wait."""
        try:
            first = self._finished.get(block=wait_s > 0, timeout=wait_s or None)
        except Empty:
            return []
        # No more than these: new ones are sent before the tasks that finish meanwhile are seen to.
        return [str(future.key) for future in (first, *(self._finished.get() for _ in range(self._finished.qsize())))]

    def _settle(self, key: str) -> list[Job]:
        """Keep what the jobs of a finished task gave, and let the task go. The jobs, which are done."""
        from distributed.scheduler import KilledWorker

        jobs, future, workers = self._sent[key]
        n_deaths = 0
        try:
            self._take(future, jobs)
        except KilledWorker as error:
            n_deaths = error.allowed_failures + 1
        del self._sent[key]
        self._ahead.remove(key)
        if n_deaths:
            self._send_again(jobs, n_deaths, len(workers - self._threads().keys()))
            return []
        for job in jobs:
            self._ready.done(job)
            if self._inputs is not None:
                self._inputs.done(job)
        return jobs

    def _send_again(self, jobs: list[Job], n_deaths: int, n_gone: int) -> None:
        """Let jobs begin again that went from one dying worker to the next, as many workers died at once.

        n_deaths  of workers that were computing them
        n_gone    how many workers have gone since the jobs were sent
        Raises `ClusterError` where no more are gone than the jobs may have killed themselves, or this happens too
        often.
        """
        if n_gone <= n_deaths or any(self._n_again[job.key] == _MOST_AGAIN for job in jobs):
            raise ClusterError(
                f"workers died {n_deaths} times while computing {_named(jobs)}, probably for lack of memory. Finished "
                "jobs are kept; run again with fewer --workers or a smaller --prompts-per-job."
            )
        for job in jobs:
            self._n_again[job.key] += 1
            self._ready.put_back(job)

    def _take(self, future: Future, jobs: list[Job]) -> None:
        """Keep what the jobs of a task gave. Raises what one of them raised, and `ClusterError` where the scheduler has
        forgotten the task."""
        if future.status == "cancelled":
            raise self._lost("the connection to it was lost, or its tasks were cancelled there")
        if future.status != "finished" or self._inputs is not None:
            self._keep(future)
        last = jobs[-1]
        cost = self._store.cost(last.key)
        self._bundles.learn(last, None if cost is None else cost["seconds"])

    def _keep(self, future: Future) -> None:
        """Put what came back of a task into the store; raises what one of its jobs raised."""
        try:
            for key, written in future.result().items():
                keep(written, key, self._store)
        except ImportError:
            require_same_packages(self._client, list(self._threads()))
            raise

    def _look(self) -> None:
        """Look which workers there are, where that was not done of late: newcomers are checked, none is said."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        threads = self._threads()
        self._looked, self._n_threads = time.monotonic(), sum(threads.values())
        self._workers = frozenset(threads)
        if threads:
            self._alone_since = None
            self._resources = resources_of(self._client, self._execution)
            self._check([worker for worker in threads if worker not in self._checked])
            return
        if self._alone_since is None:
            self._alone_since = now
            limit = self._execution.wait_for_workers
            self._on_waiting(f"waiting for workers: {self._address} has none (for {limit} s at most)")
        if now - self._alone_since >= self._execution.wait_for_workers:
            raise self._without_workers()

    def _check(self, newcomers: list[str]) -> None:
        if not newcomers:
            return
        is_first = not self._checked
        n_asked = f"{len(newcomers)} worker{'s' if len(newcomers) > 1 else ''}"
        with self._asked(f"waiting for {n_asked} of {self._address} to say what is installed there"):
            require_same_packages(self._client, newcomers)
        if self._inputs is None:
            with self._asked(f"waiting for {n_asked} of {self._address} to look for the store's folder"):
                require_folder(self._client, newcomers, self._store.folder)
        # Those that come later tell when they load it: here, all would wait for them.
        if is_first and self._execution.scheduler is not None:
            with self._asked(f"waiting for {n_asked} of {self._address} to read the models' files"):
                require_models(self._client, newcomers, self._models)
        self._checked |= set(newcomers)

    @contextmanager
    def _asked(self, text: str) -> Iterator[None]:
        """What is waited for is told where it takes long: of a worker that dies meanwhile, Dask waits half a minute.

        `ClusterError` where the scheduler goes meanwhile.
        """
        from distributed.comm.core import CommClosedError

        timer = Timer(_TOLD_AFTER_S, self._on_waiting, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        except (CommClosedError, TimeoutError):
            raise self._lost("the connection to it was lost") from None
        finally:
            timer.cancel()

    def _threads(self) -> dict[str, int]:
        """Worker -> its threads. `ClusterError` where the scheduler does not say."""
        client: Any = self._client
        if client.status != "running":
            raise self._lost("the connection to it was lost")
        try:
            return dict(client.sync(client.scheduler.ncores, callback_timeout=_SCHEDULER_WAIT_S))
        except (TimeoutError, OSError):
            raise self._lost(f"it says nothing for {_SCHEDULER_WAIT_S} s, or its connections break") from None

    def _lost(self, reason: str) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler at {self._address} is lost: {reason}. {self._kept} Start the scheduler and its "
            "workers again, and run the same command."
        )

    def _without_workers(self) -> ClusterError:
        said = "has no workers" if not self._checked else "has no workers any more"
        return ClusterError(
            f"the Dask scheduler at {self._address} {said}, for {self._execution.wait_for_workers} s. {self._kept} "
            f"Start some with `dask worker {self._address}`, and run the same command; where they come later, as from "
            "a queue, wait longer with --wait-for-workers SECONDS."
        )

    @property
    def _kept(self) -> str:
        n_done = self._n_jobs - self._ready.n_left
        is_are = "is" if self._n_jobs == 1 else "are"
        return f"{n_done} of the {count_text(self._n_jobs, 'job')} to compute {is_are} finished and kept."


def _named(jobs: list[Job]) -> str:
    """The jobs of a task, for people."""
    first, *others = jobs
    return f"'{first.label}'" + (f" or one of {len(others)} short jobs after it" if others else "")
