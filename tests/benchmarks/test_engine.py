"""What a job costs beside its work, and what a second processor saves."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from pipelines.discover.plan import DiscoverPlan, plan
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execute import Work, compute_missing, execute
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Settings, Stage
from pipelines.engine.store import Store
from tests.benchmarks.conftest import report, report_share

pytestmark = pytest.mark.benchmark

N_PROMPTS, N_ROUNDS, N_EMPTY, N_PLANNED = 2000, 5, 1000, 100_000
# Rounds count in which other programs keep fewer processors busy than this; so many are tried at most.
QUIET, N_AT_MOST = 0.1, 15
Run = Callable[[Path], None]


def empty(settings: Settings, inputs: Inputs, model: LoadModel) -> Result:
    return Result({"number": settings["number"]}, {"values": np.zeros(10)})


EMPTY = Stage("empty", 1, empty)


def test_an_empty_job_costs_below_3_ms(tmp_path: Path):
    jobs = tuple(Job(EMPTY, {"number": number}) for number in range(N_EMPTY))
    times = []
    for number in range(N_ROUNDS):
        store = Store(tmp_path / str(number))
        store.prepare()
        began_s = time.process_time()
        work = [Work(store, jobs, "run empty")]
        compute_missing(work, Execution(out=store.folder), resume=lambda: "", shows_progress=False)
        times.append(time.process_time() - began_s)
    report_share("a job", "3 ms of a processor", 3, 1000 * statistics.median(times) / N_EMPTY, wanted=1, unit="ms")


PLANNING = f"""
import resource, time
from pipelines.discover.plan import all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.claim import Meanwhile
from pipelines.engine.execute import Work, graph_of
from pipelines.engine.store import Store
began = time.process_time()
jobs = all_jobs(DiscoverSettings(task="ioi", method="eap", prompts={N_PLANNED}, prompts_per_job=1, edges=50)).all
work = Work(Store("nowhere"), jobs, "run long")
graph = graph_of(work.missing, work.store, "cpu", "run", lambda key, share, seconds, doing: None, Meanwhile())
print(len(graph), time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)
"""


def test_planning_100_000_jobs_takes_below_10_s_and_1_gb():
    done = subprocess.run([sys.executable, "-c", PLANNING], check=True, capture_output=True, text=True)
    n_jobs, seconds, megabytes = map(float, done.stdout.split())
    assert n_jobs >= N_PLANNED
    report_share(f"planning {n_jobs:,.0f} jobs", "10 s of a processor", 10, seconds, wanted=1, unit="s")
    report_share("memory of the process", "1 GB", 1000, megabytes, wanted=1, unit="MB")


@pytest.fixture(scope="module")
def long_plan(tmp_path_factory: pytest.TempPathFactory) -> DiscoverPlan:
    """A run on many prompts of the bundled model, whose first jobs are done."""
    execution = Execution(out=tmp_path_factory.mktemp("long") / "runs")
    made = plan(DiscoverSettings(task="ioi", prompts=N_PROMPTS, edges=50), execution)
    made.store.prepare()
    jobs = made.jobs
    first = [jobs.prompts, jobs.check, jobs.choosing, jobs.judging, jobs.baseline, *jobs.measure_edges, jobs.choose]
    execute(first, made.store, execution, on_done=lambda job: None)
    return made


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Callable[[int], str]]:
    """Number of workers -> the address of a scheduler that has them."""
    from distributed import LocalCluster

    clusters = {}

    def address(n_workers: int) -> str:
        if n_workers not in clusters:
            clusters[n_workers] = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                preload=["pipelines.engine.cluster"],
                memory_limit=0,
            )
        return clusters[n_workers].scheduler_address

    yield address
    for cluster in clusters.values():
        cluster.close()


class Turn(NamedTuple):
    """Seconds that a run took, and how many processors other programs kept busy meanwhile.

    busiest_s  processor time of the process that took most: what two workers are bound by, however busy the machine is
    """

    seconds: float
    others: float
    busiest_s: float


def own_s() -> dict[int, float]:
    """Processor time of this process and of each worker that it has started."""
    me = psutil.Process()
    times = {process.pid: process.cpu_times() for process in (me, *me.children(recursive=True))}
    return {pid: of.user + of.system for pid, of in times.items()}


def busy_s() -> float:
    """Processor time of all programs."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


def turn(made: DiscoverPlan, jobs: Sequence[Job], run: Run, folder: Path) -> Turn:
    """One run of jobs, in a store that has what they read."""
    shutil.copytree(made.store.folder, folder)
    store = Store(folder)
    for job in jobs:
        store.path(job.key).unlink(missing_ok=True)
    began_s, own, busy = time.perf_counter(), own_s(), busy_s()
    run(folder)
    seconds = time.perf_counter() - began_s
    spent = [now - own.get(pid, 0.0) for pid, now in own_s().items()]
    others = busy_s() - busy - sum(spent)
    shutil.rmtree(folder)
    return Turn(seconds, max(0.0, others) / seconds, max(spent))


def compare(
    made: DiscoverPlan,
    steps: Sequence[Sequence[Job]],
    runs: tuple[Run, Run],
    folder: Path,
    *,
    what: str,
    wanted: float,
) -> None:
    """Print the ratio of two runs that take turns, in the middle of the rounds that count: those in which other
    programs leave the processors alone, or all where there are too few. The first, in which models are loaded, never
    does."""
    rounds: list[tuple[Turn, Turn]] = []
    quiet = rounds
    for number in range(1 + N_AT_MOST):
        one, two = (turn(made, list(chain(*steps)), run, folder) for run in runs)
        if number:
            rounds.append((one, two))
        quiet = [pair for pair in rounds if max(pair[0].others, pair[1].others) < QUIET]
        if len(quiet) == N_ROUNDS:
            break
    counted = quiet if len(quiet) >= N_ROUNDS // 2 else rounds
    one, two = sorted(counted, key=lambda pair: pair[0].seconds / pair[1].seconds)[len(counted) // 2]
    others = statistics.median(of.others for pair in counted for of in pair)
    busiest = [statistics.median(pair[number].busiest_s for pair in rounds) for number in range(2)]
    note = (
        f"median of {len(counted)} paired rounds of {len(rounds)}; other programs kept {others:.2f} processors busy; "
        f"processor time of the busiest process {busiest[0]:.2f} s and {busiest[1]:.2f} s"
    )
    report(f"two {what}, {N_PROMPTS:,} prompts", "one", one.seconds, two.seconds, wanted=wanted, note=note)


def sliced(made: DiscoverPlan) -> list[Sequence[Job]]:
    """The jobs of the run that are one per slice of its prompts: those that measure, and then those that judge, which a
    run begins when all that measure are done."""
    return [made.jobs.measure_edges, made.jobs.judge]


PROCESS = f"""
import sys, time
from pathlib import Path
from pipelines.discover.plan import plan
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execute import execute
from pipelines.engine.execution import Execution
part, n_parts, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
execution = Execution(out=folder)
made = plan(DiscoverSettings(task="ioi", prompts={N_PROMPTS}, edges=50), execution)
jobs = [*made.jobs.measure_edges, *made.jobs.judge][part::n_parts]
for line in sys.stdin:
    for job in jobs:
        made.store.path(job.key).unlink(missing_ok=True)
    began = time.perf_counter()
    execute(jobs, made.store, execution, on_done=lambda job: None)
    print(time.perf_counter() - began, flush=True)
"""


def test_what_two_processes_that_share_nothing_take(long_plan: DiscoverPlan, tmp_path: Path):
    """The most that two processors of this machine give these jobs: what two threads and two workers are held
    against."""
    folders = [shutil.copytree(long_plan.store.folder, tmp_path / str(number)) for number in range(3)]
    parts = [("0", "1"), ("0", "2"), ("1", "2")]
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *part, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for part, folder in zip(parts, folders, strict=True)
    ]

    def took_s(processes: Sequence[subprocess.Popen[bytes]]) -> float:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        return max(float(process.stdout.readline()) for process in processes if process.stdout is not None)

    try:
        rounds = [(took_s(begun[:1]), took_s(begun[1:])) for _ in range(1 + N_ROUNDS)][1:]
    finally:
        for process in begun:
            process.kill()
            process.wait()
    one, two = sorted(rounds, key=lambda pair: pair[0] / pair[1])[len(rounds) // 2]
    sys.stdout.write(
        f"\ntwo processes with half of the sliced jobs each, {N_PROMPTS:,} prompts: {two:.2f} s, one with all "
        f"{one:.2f} s: {one / two:.2f}x is what this machine gives (median of {len(rounds)} rounds)\n"
    )


def in_threads(steps: Sequence[Sequence[Job]]) -> tuple[Run, Run]:
    """The jobs in one thread, and in two."""

    def threads(number: int) -> Run:
        def run(folder: Path) -> None:
            execution = Execution(out=folder)
            for jobs in steps:
                execute(jobs, Store(folder), execution, on_done=lambda job: None, at_once=number)

        return run

    return threads(1), threads(2)


def test_two_threads_take_less_than_one(long_plan: DiscoverPlan, tmp_path: Path):
    steps = sliced(long_plan)
    compare(long_plan, steps, in_threads(steps), tmp_path / "runs", what="threads, sliced jobs", wanted=1.6)


def test_two_threads_take_less_than_one_for_a_whole_run(long_plan: DiscoverPlan, tmp_path: Path):
    searching = plan(long_plan.config.model_copy(update={"edges": None}), Execution(out=long_plan.store.folder))
    steps = [searching.jobs.all]
    compare(searching, steps, in_threads(steps), tmp_path / "runs", what="threads, the whole run", wanted=1.6)


def test_two_workers_take_less_than_one(long_plan: DiscoverPlan, scheduler: Callable[[int], str], tmp_path: Path):
    steps = sliced(long_plan)

    def workers(number: int) -> Run:
        def run(folder: Path) -> None:
            execution = Execution(out=folder, scheduler=scheduler(number))
            for jobs in steps:
                execute(jobs, Store(folder), execution, on_done=lambda job: None)

        return run

    compare(
        long_plan,
        steps,
        (workers(1), workers(2)),
        tmp_path / "runs",
        what="workers that are up, sliced jobs",
        wanted=1.8,
    )
