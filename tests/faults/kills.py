"""Kills at points of time that nobody chose: of the command that computes, and of a worker. Then the command again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from tests.faults.environments import same_run
from tests.faults.sound import Sound
from tests.faults.stores import run_digests
from tests.faults.trial import Trial, invoke

KIND = "kills"
_DRIVERS, _WORKERS = 40, 3
_LONGEST_S = 2.0  # from the start of a command whose modules are loaded to its end, with time to spare
_WAIT_S = 120


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    check = same_run(sound, run_digests(sound.runs / sound.run))
    for seed in range(_DRIVERS):
        after_s = random.Random(seed).uniform(0, _LONGEST_S)

        def killed(folder: Path, after_s: float = after_s) -> None:
            process = _started(sound.discover(), folder)
            process.join(after_s)
            process.kill()
            process.join()

        name = f"{seed}: the command killed after {after_s:.2f} s"
        yield Trial(KIND, name, sound.discover(), killed, expects="restored", check=check)
    for seed in range(_WORKERS):
        after_s = random.Random(seed).uniform(0, 2)

        def without_worker(folder: Path, after_s: float = after_s) -> None:
            process = _started([*sound.discover(), "--workers", "1"], folder)
            _kill_worker(psutil.Process(process.pid), after_s)
            process.join(_WAIT_S)
            process.kill()
            process.join()

        name = f"{seed}: a worker killed {after_s:.2f} s after its start"
        yield Trial(KIND, name, sound.discover(), without_worker, expects="restored", check=check)


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


def _started(arguments: Sequence[str], folder: Path) -> BaseProcess:
    """A command in a process that has its modules already: they take longer to load than the command to run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipelines.cli.main", "pipelines.discover.command", "tests.faults.kills"])
    process = context.Process(target=_run, args=(list(arguments), str(folder)))
    process.start()
    return process


def _run(arguments: list[str], folder: str) -> None:
    os.chdir(folder)
    invoke(arguments)
