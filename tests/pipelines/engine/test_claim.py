"""Commands that run at the same time on one store share the jobs: each is computed once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from pipelines.engine import claim
from pipelines.engine.claim import Meanwhile, StoppedWaitingError, claimed, is_free, is_held
from pipelines.engine.owner import this_process

WAIT_S = 120
SCRIPT = """
import os, sys, time
from pathlib import Path
import numpy as np
from pipelines.engine.execute import Work, compute_missing, execute
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store

folder, log, wait_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

def compute(settings, inputs, model):
    handle = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(handle, f"{settings['n']} {os.getpid()}\\n".encode())
    os.close(handle)
    time.sleep(wait_s)
    return Result({"n": settings["n"], "read": len(inputs.get("all", ()))}, {"values": np.arange(3.0)})

stage = Stage("slow", 1, compute)
slices = tuple(Job(stage, {"n": n}) for n in range(20))
jobs = (*slices, Job(stage, {"n": 99}, {"all": keys_of(slices)}))
store = Store(folder)
store.prepare()
work = [Work(store, jobs, "run mine")]
counts = compute_missing(work, Execution(out=folder), resume=lambda: "", shows_progress=False)
print(os.getpid(), *counts)
"""


def start(tmp_path: Path, wait_s: float = 0.05) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = [sys.executable, script, tmp_path / "runs", tmp_path / "log", str(wait_s)]
    return subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> list[int]:
    """Its number; how many jobs there were, how many it computed, and how many another one did meanwhile."""
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    return list(map(int, stdout.split()))


def computed(tmp_path: Path) -> Counter[str]:
    """How often each job was begun."""
    return Counter(line.split()[0] for line in (tmp_path / "log").read_text().splitlines())


def wait_for_log(tmp_path: Path) -> None:
    """Return once a job has begun."""
    began = time.monotonic()
    while not (tmp_path / "log").exists():
        assert time.monotonic() - began < WAIT_S
        time.sleep(0.02)


def test_a_killed_process_that_nobody_has_asked_for_holds_no_claim(tmp_path: Path):
    path = tmp_path / "jobs" / "a.lock"
    code = f"from pathlib import Path; from pipelines.engine import claim; claim._made(Path({str(path)!r})); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        began = time.monotonic()
        while is_free(path) or not path.read_bytes():
            assert time.monotonic() - began < WAIT_S
            time.sleep(0.02)
        assert is_held(path)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert not is_held(path)
        with claimed(path, "job", lambda: False, Meanwhile()) as is_ours:
            assert is_ours
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("n_processes", [2, 3])
def test_of_identical_runs_at_once_each_job_is_computed_once(n_processes: int, tmp_path: Path):
    processes = [start(tmp_path) for _ in range(n_processes)]
    for process in processes:
        finish(process)
    assert computed(tmp_path) == Counter({str(n): 1 for n in (*range(20), 99)})
    assert not list(tmp_path.rglob("*.lock"))


def test_identical_runs_at_once_share_the_jobs(tmp_path: Path):
    first = start(tmp_path, 0.3)
    wait_for_log(tmp_path)
    second = start(tmp_path, 0.3)
    said = [finish(first), finish(second)]
    computed_by = Counter(int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines())
    assert set(computed_by) == {process for process, *_ in said}
    for process, n_jobs, n_computed, n_by_others in said:
        assert (n_jobs, n_computed) == (21, computed_by[process])
        # The others were done before it began.
        assert 0 < n_by_others <= 21 - n_computed
    _, _, n_computed, n_by_others = said[0]
    assert n_computed + n_by_others == 21


def test_the_job_of_a_killed_process_is_taken_over(tmp_path: Path):
    killed = start(tmp_path, 60)
    wait_for_log(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert list(tmp_path.rglob("*.lock"))
    finish(start(tmp_path, 0))
    begun = computed(tmp_path)
    assert all(begun[str(n)] >= 1 for n in (*range(20), 99))
    assert not list(tmp_path.rglob("*.lock"))


def left_by(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**this_process(), **changes}))


def test_a_claim_is_held_until_its_work_ends_also_by_an_error(tmp_path: Path):
    path = tmp_path / "a.lock"

    def fail() -> None:
        with claimed(path, "work", lambda: False, Meanwhile()) as is_ours:
            assert is_ours
            assert is_held(path)
            raise KeyError("work")

    with pytest.raises(KeyError):
        fail()
    assert is_free(path)


def test_who_comes_second_waits_and_is_told_that_the_work_is_done(tmp_path: Path):
    path, done, told = tmp_path / "a.lock", threading.Event(), []

    def second() -> None:
        with claimed(path, "work", done.is_set, Meanwhile()) as is_ours:
            told.append(is_ours)

    with claimed(path, "work", done.is_set, Meanwhile()):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        assert not told
        done.set()
    thread.join(WAIT_S)
    assert told == [False]


def test_work_that_failed_elsewhere_is_done_here(tmp_path: Path):
    path, told = tmp_path / "a.lock", []

    def second() -> None:
        with claimed(path, "work", lambda: False, Meanwhile()) as is_ours:
            told.append(is_ours)

    with claimed(path, "work", lambda: False, Meanwhile()):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
    thread.join(WAIT_S)
    assert told == [True]


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"started": 1.0}, {"started": None}])
def test_a_claim_whose_process_is_gone_is_broken_at_once(changes: dict[str, object], tmp_path: Path):
    path = tmp_path / "a.lock"
    left_by(path, **changes)
    assert not is_held(path)
    with claimed(path, "work", lambda: False, Meanwhile()) as is_ours:
        assert is_ours


def test_a_claim_of_another_host_is_broken_once_nobody_touches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.lock"
    left_by(path, host=f"not-{socket.gethostname()}")
    monkeypatch.setattr(claim, "_STALE_AFTER_S", 0.5)
    ends, touched = threading.Event(), []

    def touch() -> None:
        while not ends.wait(0.1):
            os.utime(path)
            touched.append(time.monotonic())

    thread = threading.Thread(target=touch)
    thread.start()
    threading.Timer(1.5, ends.set).start()
    with claimed(path, "work", lambda: False, Meanwhile()) as is_ours:
        assert is_ours
        assert time.monotonic() - touched[-1] > 0.4
    thread.join()


def test_who_waits_ends_with_the_command(tmp_path: Path):
    class Over(Meanwhile):
        @property
        def is_over(self) -> bool:
            return True

    path = tmp_path / "a.lock"
    left_by(path)
    with pytest.raises(StoppedWaitingError), claimed(path, "work", lambda: False, Over()):
        pass
    assert is_held(path)
