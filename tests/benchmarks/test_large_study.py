"""A study of 100,000 jobs through a real Dask scheduler with 200 simulated workers, half of which may be killed.

The plan is that of `circuits discover` for 20 tasks and six methods on a model of GPT-2 medium's shape. Jobs are sent
as always; on the workers they sleep for their forecast time, some times faster, and write nothing. The scheduler is a
process of its own; the workers are real ones too, a hundred in each of two processes, without the clocks by which
Dask watches each process: there are a hundred times as many here as a process has.

STUDY_JOBS says about how many jobs there are (20,000), STUDY_FASTER how many times faster they are (100): jobs must
not end faster than this machine's processors can hand out new ones.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import psutil
import pytest

from circuits.evaluation.sizes import PASSES_PER_RUN
from pipelines.costs.shape import GPT2_MEDIUM
from pipelines.costs.speed import CPU, seconds
from pipelines.costs.work import METHODS_COSTED, Work, choose, plain_pass
from pipelines.discover.expected import expected_to_choose
from pipelines.engine.job import Job
from pipelines.engine.ready import Ready
from pipelines.engine.remote_job import Parcel
from pipelines.engine.store import Store
from pipelines.runs.circuit_runs import Runner
from tests.benchmarks.conftest import report_share
from tests.conftest import ROOT

pytestmark = pytest.mark.benchmark

N_JOBS = int(os.environ.get("STUDY_JOBS", "20000"))
FASTER = float(os.environ.get("STUDY_FASTER", "100"))
N_TASKS, N_TOKENS, N_WORKERS = 20, 20, 200
PER_PROCESS = N_WORKERS // 2
# Jobs of a run per prompt: half of the prompts choose, half judge, and methods of components measure edges as well.
_JOBS_PER_PROMPT = (1 + 1 / len(METHODS_COSTED)) / 16

WORKERS = f"""
import asyncio, sys
import dask
from distributed import Worker
dask.config.set({{"distributed.worker.profile.enabled": False, "distributed.admin.log-length": 0}})
dask.config.set({{"distributed.admin.tick.interval": "5s", "distributed.admin.system-monitor.interval": "60s"}})
async def run():
    settings = {{"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": "127.0.0.1"}}
    workers = [Worker(sys.argv[1], **settings) for _ in range({PER_PROCESS})]
    for worker in workers:
        await worker
    await asyncio.gather(*(worker.finished() for worker in workers))
asyncio.run(run())
"""


def forecast_s(job: Job) -> float:
    """What a job would take on one core, by the formulas of `pipelines.costs`.

    Passes as real jobs count them (tests/pipelines/costs/test_costs.py): a baseline is the clean and the corrupt run,
    2 a prompt, and nothing more but a check of four prompts once per process; a choice is these and 24 circuits of
    half a pass each, 14; a judge is these and one circuit, 2.5. Of pairs that share a beginning it is less.
    """
    one_pass = Work(plain_pass(GPT2_MEDIUM, N_TOKENS), 0)
    start, stop = job.settings.get("slice", (0, 0))
    is_choice = job.stage.name == "choose"
    n_choosing = 0.0
    if is_choice:
        runner = Runner.of_files(job.locations["model"])
        n_choosing = job.weight / runner.weight_of_each(0, 1, expected_to_choose(job.settings, runner.shape))
    by_stage = {
        "baseline": (job.weight - 1) * seconds(one_pass, CPU),
        "choose": n_choosing * (2 * seconds(one_pass, CPU) + seconds(choose(GPT2_MEDIUM, N_TOKENS), CPU)),
        "judge": (stop - start) * (2 + PASSES_PER_RUN) * seconds(one_pass, CPU),
        "check": 16 * seconds(one_pass, CPU),
    }
    if job.stage.name.startswith("measure"):
        method = METHODS_COSTED[job.settings["method"]["name"]]
        return (stop - start) * seconds(method(GPT2_MEDIUM, N_TOKENS), CPU)
    return by_stage.get(job.stage.name, 0.1)


class Sleep:
    """Sleeps for some seconds where it is unpickled."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __reduce__(self) -> tuple[Any, tuple[float]]:
        return time.sleep, (self._seconds,)


def asleep(sent: Sequence[Parcel]) -> bytes:
    """In place of `as_bytes`: what is sent is the same, and lasts its forecast time, so many times faster."""
    return cloudpickle.dumps((sent, Sleep(sum(forecast_s(one.job) for one in sent) / FASTER)))


class ToldStore(Store):
    """A store that says of every job that it took its forecast time, so many times faster."""

    def __init__(self, folder: Path, study: Sequence[Job]) -> None:
        super().__init__(folder)
        self._seconds = {job.key: forecast_s(job) / FASTER for job in study}

    def cost(self, key: str) -> dict[str, Any] | None:
        return {"seconds": self._seconds[key]}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """Every job of 20 tasks by six methods; the model has a configuration and no weights to speak of."""
    import shutil

    from safetensors.numpy import save_file

    from circuits.model.sources import BUNDLED
    from circuits.tasks import TASKS
    from pipelines.discover.plan import all_jobs
    from pipelines.discover.settings import DiscoverSettings

    folder = tmp_path_factory.mktemp("model") / "medium"
    folder.mkdir()
    for file in BUNDLED["reference"].glob("*"):
        if "token" in file.name:
            shutil.copy(file, folder)
    shape = {"n_layer": 24, "n_head": 16, "n_embd": 1024, "vocab_size": 50_257, "n_positions": 1024}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], **shape})
    )
    # The sizes that a configuration is held against before it is believed.
    norms = {f"h.{layer}.ln_1.weight": shape["n_embd"] for layer in range(shape["n_layer"])}
    weights = {"wte.weight": shape["vocab_size"], **norms}
    save_file({name: np.zeros(size, np.float32) for name, size in weights.items()}, folder / "model.safetensors")
    n_runs = N_TASKS * len(METHODS_COSTED)
    n_prompts = 32 * round(N_JOBS / n_runs / _JOBS_PER_PROMPT / 32)
    jobs: dict[str, Job] = {}
    for task in sorted(TASKS)[:N_TASKS]:
        for method in METHODS_COSTED:
            settings = DiscoverSettings(
                task=task, model=str(folder), method=method, prompts=n_prompts, prompts_per_job=16
            )
            for job in all_jobs(settings).all:
                # The first: what it comes after is in the list before it.
                jobs.setdefault(job.key, job)
    return list(jobs.values())


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """A scheduler, and two processes of workers."""
    address, environment = tmp_path / "scheduler.json", os.environ | {"PYTHONPATH": str(ROOT)}
    words = ["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    quiet: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begun = [subprocess.Popen([sys.executable, "-m", *words, "--scheduler-file", str(address)], **quiet)]
    while not address.exists():
        time.sleep(0.1)
    where = json.loads(address.read_text())["address"]
    begun += [subprocess.Popen([sys.executable, "-c", WORKERS, where], **quiet) for _ in range(2)]
    yield [psutil.Process(process.pid) for process in begun]
    for process in begun:
        process.kill()
        process.wait()


def scheduled_s(study: Sequence[Job], seconds: Mapping[str, float], is_halved: bool) -> float:
    """When the last job ends where the jobs are handed out in the same order, and handing out takes no time.

    is_halved  whether half of the workers, and what they are at, are lost half-way
    """
    ready, waiting, events = Ready(study), list[Job](), list[tuple[float, int]]()
    kill_s = sum(seconds.values()) / N_WORKERS / 2 if is_halved else math.inf
    idle, running, now_s = set(range(N_WORKERS)), dict[int, Job](), 0.0
    while ready.n_left:
        waiting += ready.take(len(idle) - len(waiting))
        while idle and waiting:
            worker, job = idle.pop(), waiting.pop(0)
            running[worker] = job
            heapq.heappush(events, (now_s + seconds[job.key], worker))
        if events[0][0] > kill_s:
            now_s, kill_s = kill_s, math.inf
            lost = {worker for worker in running if worker < PER_PROCESS}
            waiting[:0] = [running.pop(worker) for worker in lost]
            idle -= set(range(PER_PROCESS))
            events = sorted(event for event in events if event[1] not in lost)
            continue
        now_s, worker = heapq.heappop(events)
        ready.done(running.pop(worker))
        idle.add(worker)
    return now_s


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@pytest.mark.parametrize("is_halved", [False, True], ids=["all-live", "half-die"])
def test_a_large_study_takes_the_time_of_its_work(study, processes, tmp_path, monkeypatch, is_halved):
    from pipelines.engine import on_workers
    from pipelines.engine.execution import Execution

    scheduler, dying, _ = processes
    living = processes[2:] if is_halved else processes[1:]
    store = ToldStore(tmp_path / "runs", study)
    store.prepare()
    address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(N_WORKERS, timeout=300)
    # No results are made, so none are looked for either; what is sent and how is as always.
    monkeypatch.setattr(on_workers, "as_bytes", asleep)
    forecasts = [forecast_s(job) / FASTER for job in study]
    work_s, before_mb = sum(forecasts), scheduler.memory_info().rss / 2**20
    before_s = {"scheduler": cpu_s(scheduler), "driver": cpu_s(psutil.Process()), "workers": sum(map(cpu_s, living))}
    times, n_done, peak_mb = {"asked": time.monotonic()}, 0, 0.0

    def kill() -> None:
        dying.kill()
        times["killed"] = time.monotonic()

    def parcel(*arguments: Any, **options: Any) -> Any:
        """The first one begins the work: asking a hundred workers of one process for their packages takes long."""
        if "began" not in times:
            times["began"] = time.monotonic()
            if is_halved:
                killer.start()
        return Parcel(*arguments, **options)

    def on_done(job: Job) -> None:
        nonlocal n_done, peak_mb
        n_done += 1
        if n_done % 100 == 0:
            peak_mb = max(peak_mb, scheduler.memory_info().rss / 2**20)

    killer = threading.Timer(work_s / N_WORKERS / 2, kill)
    monkeypatch.setattr(on_workers, "Parcel", parcel)
    execution = Execution(out=store.folder, scheduler=address)
    on_workers.execute_on_workers(study, store, execution, on_done=on_done, on_waiting=lambda text: None)
    took_s = time.monotonic() - times["began"]
    killer.cancel()
    assert n_done == len(study)
    lost_s = times.get("killed", times["began"]) - times["began"]
    ideal_s = (
        work_s / N_WORKERS if not is_halved else lost_s + (work_s - lost_s * N_WORKERS) / (N_WORKERS - PER_PROCESS)
    )
    longest = max(forecasts)
    what = f"{len(study):,} jobs of {work_s / len(study):.2f} s (longest {longest:.0f} s), {N_WORKERS} workers"
    report_share(
        f"{what}, {'half killed' if is_halved else 'all live'}, {FASTER:g} times faster",
        "the work itself",
        ideal_s,
        took_s,
        wanted=1.1,
        unit="s",
    )
    of_workers = 1000 * (sum(map(cpu_s, living)) - before_s["workers"]) / len(study)
    of_scheduler = 1000 * (cpu_s(scheduler) - before_s["scheduler"]) / len(study)
    of_driver = 1000 * (cpu_s(psutil.Process()) - before_s["driver"]) / len(study)
    schedule_s = scheduled_s(study, dict(zip((job.key for job in study), forecasts, strict=True)), is_halved)
    sys.stdout.write(
        f"\nthe same order of jobs, handed out in no time: {schedule_s:.1f} s; load {os.getloadavg()[0]:.0f}; asking "
        f"all workers {times['began'] - times['asked']:.0f} s\nprocessor time per job: scheduler {of_scheduler:.2f} "
        f"ms, driver {of_driver:.2f} ms, workers that live {of_workers:.2f} ms; the scheduler's memory "
        f"{before_mb:.0f} MB with all workers and no job, at most {peak_mb:.0f} MB\n"
    )
