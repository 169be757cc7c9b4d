"""Hostile surroundings: full and read-only disks, files without permission, clocks that jump, folders that are gone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import random
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.faults.sound import Sound
from tests.faults.stores import run_digests
from tests.faults.trial import Trial, invoke

KIND = "environments"
_NAMES_OF_NO_ROOM = ("No space left", "File too large", "cannot write")
_READING = ("status", "export", "show", "export-svg")


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    digests = run_digests(sound.runs / sound.run)
    yield from _full(sound, digests)
    yield from _closed(sound, digests)
    yield from _clocks(sound, digests)
    yield from _places(sound)
    yield from _surroundings(sound)


def same_run(sound: Sound, digests: dict[str, str]) -> Callable[[Path], str | None]:
    """What differs from the bytes that a run has when nothing goes wrong."""

    def check(folder: Path) -> str | None:
        found = run_digests(folder / "runs" / sound.run)
        differ = [file for file, digest in digests.items() if found.get(file) != digest]
        return f"differs: {', '.join(differ)}" if differ else None

    return check


def _full(sound: Sound, digests: dict[str, str]) -> Iterator[Trial]:
    """A disk that fills while a run is made, at each of its writes, and the same command once there is room."""
    for n in range(24):
        full = no_room(n)
        yield Trial(
            KIND,
            f"no room from write {n} on",
            sound.discover(),
            names=_NAMES_OF_NO_ROOM,
            expects="either",  # after the last write there is nothing left to fail
            check=same_run(sound, digests),
            during=full,
        )

        def prepare(folder: Path, full: Callable[[], AbstractContextManager[Any]] = full) -> None:
            with contextlib.chdir(folder), full():
                invoke(sound.discover())

        again = f"room again after write {n}"
        yield Trial(KIND, again, sound.discover(), prepare, expects="restored", check=same_run(sound, digests))
    for size in (0, 1, 50, 300, 1000, 5000, 20000):
        yield Trial(
            KIND,
            f"no file larger than {size} bytes",
            sound.discover(),
            names=_NAMES_OF_NO_ROOM,
            expects="either",
            check=same_run(sound, digests),
            during=lambda size=size: largest_file(size),
        )
    for name in _READING:
        yield Trial(
            KIND,
            f"{name} of a finished run on a full disk",
            _reading(sound, name),
            sound.copy_runs,
            expects="restored",
            during=no_room(0),
        )


def _closed(sound: Sound, digests: dict[str, str]) -> Iterator[Trial]:
    """Folders that cannot be written, and files that cannot be read."""

    def closed(path: str, mode: int) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            sound.copy_runs(folder)
            place = folder / path
            for inner in [*place.rglob("*"), place] if place.is_dir() else [place]:
                inner.chmod(mode if inner.is_dir() or mode == 0 else 0o444)

        return prepare

    for name in _READING:
        yield Trial(
            KIND,
            f"{name} of a finished run that cannot be written",
            _reading(sound, name),
            closed("runs", 0o555),
            expects="restored",
            during=without_power,
        )
    yield Trial(
        KIND,
        "a new run in a folder that cannot be written",
        [*sound.discover(), "--edges", "9"],
        closed("runs", 0o555),
        ("cannot write in",),
        during=without_power,
    )
    for file in ("run.json", "graph.json", "scores.npz", "summary.json"):
        yield Trial(
            KIND,
            f"export of a run whose {file} cannot be read",
            _reading(sound, "export"),
            closed(f"runs/{sound.run}/{file}", 0),
            ("runs",),
            "either",
            during=without_power,
        )
        yield Trial(
            KIND,
            f"status of a run whose {file} cannot be read",
            ["status"],
            closed(f"runs/{sound.run}/{file}", 0),
            ("runs",),
            "either",
            during=without_power,
        )
    yield Trial(
        KIND, "a store that cannot be opened", ["status"], closed("runs", 0), ("runs",), "either", during=without_power
    )
    for name, arguments in {
        "prompts": sound.discover(prompts="closed"),
        "settings": [*sound.discover(), "--config", "closed"],
        "a model": sound.discover(model="closed"),
    }.items():

        def prepare(folder: Path, is_folder: bool = name == "a model") -> None:
            (folder / "closed").mkdir() if is_folder else (folder / "closed").write_text("{}")
            (folder / "closed").chmod(0)

        yield Trial(KIND, f"{name} that cannot be read", arguments, prepare, ("closed",), during=without_power)


def _clocks(sound: Sound, digests: dict[str, str]) -> Iterator[Trial]:
    """Clocks that jump while a run is made: the same bytes."""
    for seed in range(12):
        yield Trial(
            KIND,
            f"a clock that jumps, {seed}",
            sound.discover(),
            expects="restored",
            check=same_run(sound, digests),
            during=lambda seed=seed: _jumping_clock(seed),
        )


def _places(sound: Sound) -> Iterator[Trial]:
    """Where an export or a store would be written, and something else stands."""
    made: dict[str, Callable[[Path], object]] = {
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
        "a link to another file": lambda path: path.symlink_to(path.parent / "other"),
        "a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "a link in a circle": lambda path: path.symlink_to(path),
        "a device": lambda path: path.symlink_to("/dev/null"),
        "a socket": _socket,
    }
    for name, make in made.items():

        def prepare(folder: Path, make: Callable[[Path], object] = make) -> None:
            sound.copy_runs(folder)
            (folder / "other").write_text("keep me")
            make(folder / "place")

        def check(folder: Path) -> str | None:
            return None if (folder / "other").read_text() == "keep me" else "another file was written over"

        export = ["export", sound.run, "--to", "json", "--out", "place"]
        yield Trial(KIND, f"export to {name}", export, prepare, ("place",), check=check)
        as_store = "either" if name == "a folder" else "refused"
        yield Trial(
            KIND, f"runs in {name}", [*sound.discover(), "--runs", "place"], prepare, ("place",), as_store, check
        )
        yield Trial(KIND, f"status of {name}", ["status", "--runs", "place"], prepare, ("place",), as_store, check)
    for device in ("/dev/full", "/dev/null", "/dev/zero", "/proc/self/mem", "/sys/nothing"):
        export = ["export", sound.run, "--to", "json", "--out", device]
        yield Trial(KIND, f"export to {device}", export, sound.copy_runs, (device,))
    for what in ("prompts", "model"):
        name = os.fsdecode(b"a\xff.jsonl")

        def strange(folder: Path, what: str = what, name: str = name) -> None:
            made = getattr(sound, what)
            (shutil.copytree if made.is_dir() else shutil.copy)(made, folder / name)

        arguments = sound.discover(**{what: f"./{name}"})
        yield Trial(KIND, f"{what} whose name is no text", arguments, strange, ("no text in UTF-8",))
    for length in (200, 245, 255, 256, 300, 5000):
        name = "p" * (length - len(".jsonl")) + ".jsonl"

        def named(folder: Path, name: str = name) -> None:
            with contextlib.suppress(OSError):
                (folder / name).write_bytes(sound.prompts.read_bytes())

        yield Trial(
            KIND, f"a prompt file of {length} characters", sound.discover(prompts=name), named, ("ppppp",), "either"
        )


def _surroundings(sound: Sound) -> Iterator[Trial]:
    """Variables and folders that a process gets from outside."""
    variables = {
        "no home": {"HOME": "/nowhere"},
        "a home that is a device": {"HOME": "/dev/null"},
        "no place for temporary files": {"TMPDIR": "/nowhere"},
        "no width": {"COLUMNS": "0"},
        "a width that is none": {"COLUMNS": "wide"},
        "an unknown language": {"LANG": "xx_YY", "LC_ALL": "xx_YY"},
        "no caches": {"HF_HOME": "/dev/null/x", "XDG_CACHE_HOME": "/dev/null/x", "MPLCONFIGDIR": "/dev/null/x"},
        "many threads": {"OMP_NUM_THREADS": "99999999999"},
        "no number of threads": {"OMP_NUM_THREADS": "many"},
    }
    for name, values in variables.items():
        yield Trial(
            KIND,
            name,
            sound.discover(),
            expects="restored",
            check=same_run(sound, run_digests(sound.runs / sound.run)),
            during=lambda values=values: mock.patch.dict(os.environ, values),
        )
    for arguments in (["status"], sound.discover(), ["tasks"], ["export", sound.run, "--to", "json"]):
        expects = "either" if arguments == ["tasks"] else "refused"
        yield Trial(KIND, f"{arguments[0]} where the folder is gone", arguments, expects=expects, during=_gone)
    for device in ("mps", "cuda", "cuda:7", "meta", "xla", "cpu:3"):
        yield Trial(KIND, f"--device {device}", [*sound.discover(), "--device", device], names=(device,))
    for device in ("zz", "", "cpu:3", "meta"):
        # Nothing is computed of a finished run, and so no device is asked for; what is the name of none is told.
        done = [*sound.discover(), "--device", device]
        yield Trial(KIND, f"--device {device!r} of a finished run", done, sound.copy_runs, ("device",))
    yield Trial(
        KIND,
        "--device cuda:7 of a finished run",
        [*sound.discover(), "--device", "cuda:7"],
        sound.copy_runs,
        expects="restored",
        check=same_run(sound, run_digests(sound.runs / sound.run)),
    )
    yield Trial(
        KIND,
        "a scheduler that never answers",
        [*sound.discover(), "--scheduler", f"tcp://127.0.0.1:{_SILENT.getsockname()[1]}"],
        names=("scheduler",),
        during=lambda: mock.patch("pipelines.engine.cluster._CONNECT_WAIT_S", 1),
    )


def _reading(sound: Sound, name: str) -> list[str]:
    return {
        "status": ["status"],
        "export": ["export", sound.run, "--to", "json", "--out", "-"],
        "export-svg": ["export", sound.run, "--to", "svg", "--out", "-"],
        "show": ["show", f"runs/{sound.run}/graph.json"],
    }[name]


def no_room(n: int) -> Callable[[], AbstractContextManager[Any]]:
    """A disk on which all writes from the n-th on fail."""

    @contextmanager
    def full() -> Iterator[None]:
        n_written, sync = 0, os.fsync

        def fails(handle: int) -> None:
            nonlocal n_written
            n_written += 1
            if n_written > n:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(handle)

        with mock.patch("os.fsync", fails):
            yield

    return full


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file grows beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _jumping_clock(seed: int) -> Iterator[None]:
    dice, now = random.Random(seed), time.time

    def jumps() -> float:
        return now() + dice.choice((0, 0, 0, -3600, 3600, -(10**9), 10**9))

    with mock.patch("time.time", jumps):
        yield


@contextmanager
def _gone() -> Iterator[None]:
    """The folder in which the command runs is deleted."""
    Path.cwd().rmdir()
    yield


@contextmanager
def without_power() -> Iterator[None]:
    """What root may do with any file is set aside: permissions count, as for other people."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    before = list(sets)
    sets[0] &= ~0b110  # may read and write all files, may read all folders
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[:] = before
        assert libc.capset(header, sets) == 0


def _socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # its name must be short
        made.bind(path.name)


# It takes connections, and says nothing.
_SILENT = socket.create_server(("127.0.0.1", 0))
