"""Jobs on workers that come late, go, or were never there; results through a shared folder or through the scheduler."""

from __future__ import annotations

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.model.steps import steps, whole
from circuits.result import Result
from pipelines.engine.execute import execute
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.on_workers import ClusterError, execute_on_workers
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from tests.conftest import ROOT, slow_case


def add(settings: Any, inputs: Any, model: Any) -> Result:
    """The sum of what the inputs hold, plus the job's own number; a file's too where there is one."""
    time.sleep(settings.get("sleep_s", 0))
    before = sum(float(result.arrays["sum"][0]) for results in inputs.values() for result in results)
    of_file = int(Path(settings["file"]).read_text()) if "file" in settings else 0
    return Result({"number": settings["number"]}, {"sum": np.array([before + settings["number"] + of_file])})


def fail(settings: Any, inputs: Any, model: Any) -> Result:
    raise ValueError("line 3 of the prompts is bad")


def place(settings: Any, locations: Any) -> Any:
    return {**settings, "file": locations["file"]} if "file" in locations else settings


def count(settings: Any, inputs: Any, model: Any) -> Result:
    with whole():
        for _ in steps(range(4)):
            time.sleep(0.6)
    return Result({})


def die(settings: Any, inputs: Any, model: Any) -> Result:
    os._exit(1)


DIE = Stage("die", 1, die)
COUNT = Stage("count", 1, count)
ADD = Stage("add", 1, add, place)
FAIL = Stage("fail", 1, fail, title="fail")


def chain(n_jobs: int, *, sleep_s: float = 0) -> list[Job]:
    """Numbers, and the sum of every two of them."""
    numbers = [Job(ADD, {"number": number, "sleep_s": sleep_s}) for number in range(n_jobs)]
    pairs = [
        Job(ADD, {"number": 100 + number}, {"before": keys_of(pair)})
        for number, pair in enumerate(zip(numbers[::2], numbers[1::2], strict=True))
    ]
    return [*numbers, *pairs]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A scheduler in this process, on which tests start workers."""
    from distributed import LocalCluster

    settings: dict[str, Any] = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=0, protocol="tcp", host="127.0.0.1", **settings) as made:
        yield made


def compute(todo: list[Job], folder: Path, cluster: Any, **settings: Any) -> tuple[Store, list[Job], list[str]]:
    """The store, the jobs that were said to be done, and what was said while there were no workers."""
    store, done, said = Store(folder), [], []
    store.prepare()
    execution = Execution(out=folder, scheduler=cluster.scheduler_address, **settings)
    execute_on_workers(todo, store, execution, on_done=done.append, on_waiting=said.append)
    return store, done, said


def test_how_far_a_job_is_comes_from_its_worker(cluster, tmp_path):
    cluster.scale(1)
    told, job, store = [], Job(COUNT, {}), Store(tmp_path)
    store.prepare()
    execute_on_workers(
        [job],
        store,
        Execution(out=tmp_path, scheduler=cluster.scheduler_address),
        on_done=lambda job: None,
        on_waiting=lambda text: None,
        on_share=lambda job, share, seconds, doing: told.append((job, share, seconds)),
    )
    assert [entry[:2] for entry in told][:4] == [(job, 0.0), (job, 0.25), (job, 0.5), (job, 0.75)]
    assert all(0.5 * share * 2.4 <= seconds for _, share, seconds in told)


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("jobs/*/*.npz")}


def test_how_many_jobs_are_with_workers_is_told_as_it_changes(cluster, tmp_path):
    store, todo, sent = Store(tmp_path), chain(4), []
    store.prepare()
    cluster.scale(1)
    execution = Execution(out=tmp_path, scheduler=cluster.scheduler_address)
    execute(todo, store, execution, on_done=lambda job: None, on_sent=sent.append)
    assert sent[-1] == 0
    assert 0 < max(sent) <= len(todo)
    assert all(one != other for one, other in pairwise(sent))


def test_results_travel_through_the_folder_or_the_scheduler_with_the_same_bytes(cluster, tmp_path):
    cluster.scale(2)
    todo = chain(80)
    for data in ("shared", "scheduler"):
        store, done, _ = compute(todo, tmp_path / data, cluster, data=data)
        assert sorted(job.key for job in done) == sorted(job.key for job in todo)
        assert store.read(todo[-1].key).arrays["sum"] == 100 + 39 + 78 + 79
        assert store.cost(todo[-1].key) is not None
    assert stored(tmp_path / "shared") == stored(tmp_path / "scheduler")


def test_files_that_jobs_read_travel_with_them(cluster, tmp_path):
    cluster.scale(1)
    prompts = tmp_path / "here" / "numbers.txt"
    prompts.parent.mkdir()
    prompts.write_text("40")
    # The worker reads what came with the job: the file is gone when it runs.
    gone = Job(ADD, {"number": 2, "sleep_s": 0}, locations={"file": str(prompts)})
    sent: list[str] = []
    from pipelines.engine import on_workers

    def parcel(*arguments: Any, **options: Any) -> Any:
        made = real(*arguments, **options)
        prompts.unlink()
        sent.append(made.files["file"][0])
        return made

    real, on_workers.Parcel = on_workers.Parcel, parcel
    try:
        store, _, _ = compute([gone], tmp_path / "runs", cluster, data="scheduler")
    finally:
        on_workers.Parcel = real
    assert sent == ["numbers.txt"]
    assert store.read(gone.key).arrays["sum"] == 42


def test_what_several_jobs_read_is_sent_once(cluster, tmp_path, monkeypatch):
    from pipelines.engine import sent_inputs

    cluster.scale(2)
    text = tmp_path / "numbers.txt"
    text.write_text("40")
    first = Job(ADD, {"number": 7})
    readers = [
        Job(ADD, {"number": number}, {"before": (first.key,)}, locations={"file": str(text)}) for number in range(30)
    ]
    reads: list[str] = []
    monkeypatch.setattr(sent_inputs, "read_bytes", lambda path: (reads.append(path.name), path.read_bytes())[1])
    store, _, _ = compute([first, *readers], tmp_path / "runs", cluster, data="scheduler")
    assert [store.read(job.key).arrays["sum"].item() for job in readers] == [47 + number for number in range(30)]
    # The file is read once more, for what its content goes by.
    assert sorted(reads) == sorted([f"{first.key}.npz", text.name, text.name])


def test_what_no_job_reads_any_more_is_let_go(cluster, tmp_path):
    cluster.scale(1)
    first = Job(ADD, {"number": 7})
    readers = [Job(ADD, {"number": number}, {"before": (first.key,)}) for number in range(5)]
    last = Job(ADD, {"number": 9, "sleep_s": 1}, {"before": keys_of(readers)})
    inputs: list[list[str]] = []

    def look() -> None:
        inputs.append([key for key in cluster.scheduler.tasks if key.startswith("input-")])

    store, done = Store(tmp_path), []
    store.prepare()
    execution = Execution(out=tmp_path, scheduler=cluster.scheduler_address, data="scheduler")

    def on_done(job: Job) -> None:
        if not done:
            look()
        done.append(job)
        if len(done) == 1 + len(readers):
            threading.Timer(0.5, look).start()

    execute_on_workers([first, *readers, last], store, execution, on_done=on_done, on_waiting=lambda text: None)
    assert len(done) == 7
    assert inputs[-1] == []


def test_two_stores_on_one_scheduler_each_get_their_results(cluster, tmp_path):
    cluster.scale(2)
    todo = chain(8, sleep_s=0.05)
    threads = [
        threading.Thread(target=compute, args=(todo, tmp_path / name, cluster)) for name in ("one", "other", "third")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored(tmp_path / "one")) == len(todo)
    assert stored(tmp_path / "one") == stored(tmp_path / "other") == stored(tmp_path / "third")


def test_workers_that_come_late_are_waited_for_and_used(cluster, tmp_path):
    later = threading.Timer(1.5, cluster.scale, args=[2])
    later.start()
    _, done, said = compute(chain(4), tmp_path, cluster)
    assert len(done) == 6
    assert said == [f"waiting for workers: {cluster.scheduler_address} has none (for 20 s at most)"]


def test_a_cluster_that_grows_with_its_work_is_used(cluster, tmp_path):
    cluster.adapt(minimum=0, maximum=3, interval="100 ms", target_duration="500 ms")
    most: list[int] = []
    watch = threading.Event()

    def look() -> None:
        while not watch.wait(0.05):
            most.append(len(cluster.scheduler.workers))

    threading.Thread(target=look, daemon=True).start()
    todo = chain(30, sleep_s=0.1)
    _, done, _ = compute(todo, tmp_path / "grown", cluster)
    watch.set()
    assert len(done) == 45
    assert max(most) >= 2
    plain = Store(tmp_path / "plain")
    plain.prepare()
    execute(todo, plain, Execution(out=plain.folder), on_done=lambda job: None)
    assert stored(tmp_path / "grown") == stored(plain.folder)


MANY = """
import asyncio, sys
from distributed import Worker
async def run():
    workers = [Worker(sys.argv[1], nthreads=1, memory_limit=0, dashboard=False, host="127.0.0.1") for _ in range(16)]
    for worker in workers:
        await worker
    await asyncio.gather(*(worker.finished() for worker in workers))
asyncio.run(run())
"""


def test_jobs_that_are_lost_with_many_workers_at_once_are_sent_again(cluster, tmp_path):
    # Of some jobs, every worker that they came to dies.
    cluster.scheduler.allowed_failures = 0
    cluster.scale(4)
    many = subprocess.Popen(
        [sys.executable, "-c", MANY, cluster.scheduler_address], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    while len(cluster.scheduler.workers) < 20:
        time.sleep(0.1)
    store, done = Store(tmp_path), list[Job]()
    store.prepare()

    def on_done(job: Job) -> None:
        done.append(job)
        if len(done) == 10:
            many.kill()

    todo = [Job(ADD, {"number": number, "sleep_s": 0.2}) for number in range(60)]
    execution = Execution(out=store.folder, scheduler=cluster.scheduler_address)
    execute_on_workers(todo, store, execution, on_done=on_done, on_waiting=lambda text: None)
    many.wait()
    assert sorted(job.key for job in done) == sorted(job.key for job in todo)


@pytest.mark.slow
def test_a_job_that_kills_its_workers_is_named(start, tmp_path):
    address = scheduler_without_package(start, tmp_path)
    for _ in range(5):
        start("worker", address, "--no-dashboard", "--no-nanny", has_package=True)
    time.sleep(8)
    store = Store(tmp_path / "runs")
    store.prepare()
    execution = Execution(out=store.folder, scheduler=address)
    with pytest.raises(ClusterError, match="workers died 4 times while computing 'die', probably for lack of memory"):
        execute_on_workers([Job(DIE, {})], store, execution, on_done=lambda job: None, on_waiting=lambda text: None)


def test_no_workers_is_an_error_that_says_how_to_start_some(cluster, tmp_path):
    with pytest.raises(ClusterError) as raised:
        compute(chain(2), tmp_path, cluster, wait_for_workers=1)
    address = cluster.scheduler_address
    assert f"the Dask scheduler at {address} has no workers, for 1 s." in str(raised.value)
    assert f"`dask worker {address}`" in str(raised.value)
    assert "--wait-for-workers" in str(raised.value)


def test_when_all_workers_go_the_error_says_what_is_kept(cluster, tmp_path):
    cluster.scale(1)
    threading.Timer(1.0, cluster.scale, args=[0]).start()
    with pytest.raises(ClusterError, match=r"has no workers any more.* of the 90 jobs .* are finished and kept"):
        compute(chain(60, sleep_s=0.2), tmp_path, cluster, wait_for_workers=1)


def test_what_a_job_raises_reaches_the_caller(cluster, tmp_path):
    cluster.scale(1)
    with pytest.raises(ValueError, match="line 3 of the prompts is bad"):
        compute([Job(FAIL, {"number": 1})], tmp_path, cluster)


def test_a_worker_with_another_version_is_named_before_a_job_is_sent(cluster, tmp_path, monkeypatch):
    from pipelines.engine import worker_checks

    cluster.scale(1)
    here = worker_checks.versions_here()
    monkeypatch.setattr(worker_checks, "versions_here", lambda: here | {"torch": "99.0"})
    with pytest.raises(ValueError, match=r"worker tcp://\S+ has torch \S+, and this process torch 99.0"):
        compute(chain(2), tmp_path, cluster)
    assert not stored(tmp_path)


def test_that_workers_are_slow_to_say_what_they_have_is_told(cluster, tmp_path, monkeypatch):
    from pipelines.engine import on_workers

    asked = on_workers.require_same_packages

    def slowly(client, workers):
        time.sleep(0.5)
        asked(client, workers)

    monkeypatch.setattr(on_workers, "_TOLD_AFTER_S", 0.1)
    monkeypatch.setattr(on_workers, "require_same_packages", slowly)
    cluster.scale(1)
    _, _, said = compute(chain(2), tmp_path, cluster)
    waiting = f"waiting for 1 worker of {cluster.scheduler_address} to say what is installed there"
    assert waiting in said


def test_a_scheduler_that_goes_while_workers_are_asked_is_told_as_lost(cluster, tmp_path, monkeypatch):
    from distributed.comm.core import CommClosedError

    from pipelines.engine import on_workers

    def breaks(client, workers):
        raise CommClosedError("in <TCP>: Stream is closed")

    monkeypatch.setattr(on_workers, "require_same_packages", breaks)
    cluster.scale(1)
    with pytest.raises(ClusterError, match=r"the Dask scheduler at tcp://.* is lost: the connection to it was lost"):
        compute(chain(2), tmp_path, cluster)


def test_a_scheduler_that_goes_between_its_answer_and_the_connection_is_told(cluster, tmp_path, monkeypatch):
    import distributed

    def client(*_: object, **__: object) -> None:
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(distributed, "Client", client)
    with pytest.raises(ValueError, match=r"no Dask scheduler answers at 'tcp://.*': Timed out trying to connect\."):
        compute(chain(2), tmp_path, cluster)


def test_a_server_that_is_none_of_dask_is_told_without_words_of_python(tmp_path):
    """A web server answers every line; the first bytes would be the size of a message, and larger than any memory."""

    class Web(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)

    with socketserver.TCPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        execution = Execution(out=tmp_path, scheduler=address)
        with pytest.raises(ValueError, match="no Dask scheduler answers at 'tcp://") as error:
            execute(chain(2), Store(tmp_path), execution, on_done=lambda job: None)
        server.shutdown()
    assert not re.search(r"Error\b|Exception", str(error.value))


def test_a_late_worker_with_another_version_gives_no_result(cluster, tmp_path, monkeypatch):
    from pipelines.engine import on_workers

    cluster.scale(1)
    monkeypatch.setattr(on_workers, "versions_here", lambda: {"torch": "99.0"})
    monkeypatch.setattr(on_workers, "require_same_packages", lambda client, workers: None)
    with pytest.raises(ValueError, match=r"has torch \S+, and this process torch 99.0"):
        compute(chain(2), tmp_path, cluster)
    assert not stored(tmp_path)


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("circuits", "graphs", "pipelines"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Dask command in a process of its own, with or without this package."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(BLOCKED)
    begun: list[subprocess.Popen[bytes]] = []

    def process(*words: str, has_package: bool) -> subprocess.Popen[bytes]:
        paths = [str(ROOT)] if has_package else [str(tmp_path / "without"), str(ROOT)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        begun.append(subprocess.Popen([sys.executable, "-m", "dask", *words], env=environment))
        return begun[-1]

    yield process
    for one in begun:
        one.kill()
        one.wait()


def scheduler_without_package(start: Start, folder: Path) -> str:
    """The address of a scheduler that cannot import this package."""
    file = folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    start("scheduler", *words, has_package=False)
    while not file.exists() or not file.read_text():
        time.sleep(0.1)
    return json.loads(file.read_text())["address"]


# Through the scheduler travels what is lost with a worker, below.
@pytest.mark.parametrize("data", ["shared", slow_case("scheduler")])
def test_a_scheduler_needs_no_package_of_ours(start, tmp_path, data):
    address = scheduler_without_package(start, tmp_path)
    start("worker", address, "--no-dashboard", "--no-nanny", has_package=True)
    store = Store(tmp_path / "runs")
    store.prepare()
    done: list[Job] = []
    execution = Execution(out=store.folder, scheduler=address, data=data)
    execute_on_workers(chain(4), store, execution, on_done=done.append, on_waiting=lambda text: None)
    assert len(done) == 6


def test_inputs_that_are_lost_with_their_worker_are_sent_again(start, tmp_path):
    address = scheduler_without_package(start, tmp_path)
    begin = ("worker", address, "--no-dashboard", "--no-nanny")
    workers = [start(*begin, has_package=True)]
    first = Job(ADD, {"number": 7})
    todo = [first, *(Job(ADD, {"number": n, "sleep_s": 0.1}, {"before": (first.key,)}) for n in range(20))]
    store, done = Store(tmp_path / "runs"), list[Job]()
    store.prepare()

    def on_done(job: Job) -> None:
        done.append(job)
        if len(done) == 8:
            workers[0].kill()
            workers.append(start(*begin, has_package=True))

    execution = Execution(out=store.folder, scheduler=address, data="scheduler")
    execute_on_workers(todo, store, execution, on_done=on_done, on_waiting=lambda text: None)
    assert len(workers) == 2
    here = Store(tmp_path / "here")
    here.prepare()
    execute(todo, here, Execution(out=here.folder), on_done=lambda job: None)
    assert stored(store.folder) == stored(here.folder)


def test_a_worker_without_the_package_is_named_at_once(start, tmp_path):
    address = scheduler_without_package(start, tmp_path)
    start("worker", address, "--no-dashboard", "--no-nanny", has_package=False)
    store = Store(tmp_path / "runs")
    store.prepare()
    execution = Execution(out=store.folder, scheduler=address)
    with pytest.raises(
        ValueError, match=r"worker tcp://\S+ cannot import circuit-workbench .* Install circuit-workbench=="
    ):
        execute_on_workers(chain(2), store, execution, on_done=lambda job: None, on_waiting=lambda text: None)
