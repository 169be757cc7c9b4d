"""Kills at points of time that nobody chose: of the command that computes, of a worker, of the scheduler of a cluster.

Then the command again.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from tests.faults.environments import same_run
from tests.faults.sound import Sound
from tests.faults.stores import run_digests
from tests.faults.trial import Said, Trial, invoke, unclear

KIND = "kills"
_DRIVERS, _WORKERS, _SCHEDULERS = 42, 5, 3
_LONGEST_S = 2.0  # from the start of a command whose modules are loaded to its end, with time to spare
_WAIT_S = 120
_SECONDS = 30  # until a command must have noticed that its scheduler is gone, on a machine that others use as well
_SAID = "said.json"
_MODULES = [
    "pipelines.cli.main",
    "pipelines.discover.command",
    "circuits.model.load",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "tests.faults.kills",
]


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    check = same_run(sound, run_digests(sound.runs / sound.run))
    for seed in range(_DRIVERS):
        after_s = random.Random(seed).uniform(0, _LONGEST_S)

        def killed(folder: Path, after_s: float = after_s) -> None:
            process = started(sound.discover(), folder)
            process.join(after_s)
            process.kill()
            process.join()

        name = f"{seed}: the command killed after {after_s:.2f} s"
        yield Trial(KIND, name, sound.discover(), killed, expects="restored", check=check)
    for seed in range(_WORKERS):
        after_s = random.Random(seed).uniform(0, 2)

        def without_worker(folder: Path, after_s: float = after_s) -> None:
            process = started([*sound.discover(), "--workers", "1"], folder)
            _kill_worker(psutil.Process(process.pid), after_s)
            ended(process)

        name = f"{seed}: a worker killed {after_s:.2f} s after its start"
        yield Trial(KIND, name, sound.discover(), without_worker, expects="restored", check=check)
    for seed in range(_SCHEDULERS):
        yield _of_scheduler(sound, seed, check)


def _of_scheduler(sound: Sound, seed: int, check: Callable[[Path], str | None]) -> Trial:
    """A scheduler is killed while it has work: an error within seconds; then it is started again, and the command."""
    after_s, port = random.Random(seed).uniform(0, 5), _free_port()
    command = [*sound.discover(), "--scheduler", f"tcp://127.0.0.1:{port}"]
    seconds: list[float] = []

    def killed_and_again(folder: Path) -> None:
        with _cluster(port) as scheduler:
            process = started(command, folder)
            process.join(after_s)
            scheduler.kill()
            scheduler.join()
            seconds.append(ended(process))
            (folder / _SAID).rename(folder / f"first-{_SAID}")
        with _cluster(port):
            ended(started(command, folder))

    def told_and_same(folder: Path) -> str | None:
        first, again = (Said(*json.loads((folder / name).read_text())) for name in (f"first-{_SAID}", _SAID))
        if seconds[-1] > _SECONDS:
            return f"the loss of the scheduler is told after {seconds[-1]:.0f} s"
        fault = unclear(first, ("scheduler",)) if first.exit_code else ""
        return first.crash or fault or ("not restored" if again.exit_code else check(folder))

    name = f"{seed}: the scheduler killed {after_s:.2f} s after the command begins"
    return Trial(KIND, name, sound.discover(), killed_and_again, expects="restored", check=told_and_same)


def ended(process: BaseProcess) -> float:
    """The seconds until a command ends; it is killed where that takes too long."""
    begun = time.monotonic()
    process.join(_WAIT_S)
    process.kill()
    process.join()
    return time.monotonic() - begun


@contextlib.contextmanager
def _cluster(port: int) -> Iterator[BaseProcess]:
    """A scheduler and a worker of it, as their commands start them. Both are killed at the end."""
    here, quiet = ["--host", "127.0.0.1"], ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    processes = [
        _process(_serve, "scheduler", [*here, "--port", str(port), *quiet]),
        _process(_serve, "worker", [f"tcp://127.0.0.1:{port}", *here, "--no-nanny", "--nthreads", "1", *quiet]),
    ]
    try:
        _answers(port)
        yield processes[0]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _answers(port: int) -> None:
    """Wait until somebody listens at a port."""
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def _serve(name: str, arguments: list[str]) -> None:
    from importlib import import_module

    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    import_module(f"distributed.cli.dask_{name}").main(arguments)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()[1]


def _kill_worker(driver: psutil.Process, after_s: float) -> None:
    """Kill a worker of a command some time after there is one; nothing where the command ends before."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while driver.is_running() and driver.status() != psutil.STATUS_ZOMBIE:
            workers = [child for child in driver.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
            if workers:
                time.sleep(after_s)
                workers[0].kill()
                return
            time.sleep(0.05)


def started(arguments: Sequence[str], folder: Path) -> BaseProcess:
    """A command in a process of its own."""
    return _process(_run, list(arguments), str(folder))


def _process(target: Callable[..., None], *given: Any) -> BaseProcess:
    """A process that has its modules already: they take longer to load than a command to run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    process = context.Process(target=target, args=given)
    process.start()
    return process


def _run(arguments: list[str], folder: str) -> None:
    os.chdir(folder)
    said = invoke(arguments)
    Path(_SAID).write_text(json.dumps(said))
