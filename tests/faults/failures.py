"""Runs that ended in an error: what is kept of why, damaged or hostile, on full disks, and while others compute."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.runs.failure import FAILURE
from tests.faults.environments import largest_file, no_room, same_run, without_power
from tests.faults.kills import ended, started
from tests.faults.names import NAMES
from tests.faults.sound import Sound
from tests.faults.stores import DAMAGES, REPLACED, run_digests
from tests.faults.trial import Said, Trial, invoke
from tests.faults.views import unfinish

KIND = "failed runs"
_WRITES_OF_A_RUN = 12
_TWICE = 6
_HUGE = 3 * 2**30  # bytes, of which a disk holds none


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _kept(sound)
    yield from _full(sound)
    yield from _twice(sound)


def note(error: Any, **changes: Any) -> bytes:
    """What a run that failed leaves."""
    content = {"format": "circuit-workbench-failure", "version": 1, "error": error} | changes
    return json.dumps(content).encode()


def _kept(sound: Sound) -> Iterator[Trial]:
    """What is kept of why a run failed, as somebody has left it: it is read, and the run made anew."""
    usual = note("no room is left. (in job 'score prompts')")
    made: dict[str, Callable[[Path], object]] = {
        **{name: partial(_write, damage(usual)) for name, damage in DAMAGES.items()},
        **REPLACED,
        **{f"{name} as the error": partial(_write, note(error)) for name, error in NAMES.items()},
        "no text as the error": partial(_write, note(7)),
        "a mapping as the error": partial(_write, note({"a": 1})),
        "another version": partial(_write, note("later", version=10**9)),
        "another format": partial(_write, note("other", format="other")),
        "an error of a million characters": partial(_write, note("long " * 200_000)),
        "three gigabytes": _huge,
    }
    for what, make in made.items():

        def prepare(folder: Path, make: Callable[[Path], object] = make) -> None:
            sound.copy_runs(folder)
            unfinish(folder / "runs" / sound.run)
            make(folder / "runs" / sound.run / FAILURE)

        yield Trial(KIND, f"{what}: status", ["status"], prepare, (sound.run,), "restored")
        export = ["export", sound.run, "--to", "json", "--out", "-"]
        yield Trial(KIND, f"{what}: export", export, prepare, (sound.run,))
        yield _again(sound, f"{what}: again", prepare, is_gone=make is not Path.mkdir)
        closed = partial(_closed, prepare, sound.run)
        yield Trial(
            KIND,
            f"{what}: again, where nothing can be written",
            sound.discover(),
            closed,
            ("cannot write",),
            during=without_power,
        )
        yield Trial(
            KIND,
            f"{what}: status, where nothing can be written",
            ["status"],
            closed,
            (sound.run,),
            "restored",
            during=without_power,
        )


def _full(sound: Sound) -> Iterator[Trial]:
    """A disk that is full from some write on, for what is kept of the error too."""
    worlds: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        **{f"no room from write {n} on": no_room(n) for n in range(_WRITES_OF_A_RUN)},
        **{f"no file larger than {size} bytes": partial(largest_file, size) for size in (0, 40, 400, 4000)},
    }
    for what, world in worlds.items():

        def fails(folder: Path, world: Callable[[], AbstractContextManager[Any]] = world) -> None:
            with chdir(folder), world():
                invoke(sound.discover())

        yield Trial(KIND, f"{what}: status", ["status"], fails, expects="either", check=lambda folder: None)
        yield _again(sound, f"{what}: again", fails)


def _twice(sound: Sound) -> Iterator[Trial]:
    """The same command in another process, which goes on while this one fails, or ends first."""
    for n in range(_TWICE):

        def both(folder: Path, n: int = n) -> None:
            other = started(sound.discover(), folder)
            with chdir(folder), no_room(n)():
                invoke(sound.discover())
            ended(other)
            said = Said(*json.loads((folder / "said.json").read_text()))
            assert said.exit_code == 0, said

        yield _again(sound, f"another process, while this one has no room from write {n} on", both)


def _again(sound: Sound, name: str, prepare: Callable[[Path], None], *, is_gone: bool = True) -> Trial:
    """The command that made the run: the same bytes, and nothing left of why it failed."""
    same = same_run(sound, run_digests(sound.runs / sound.run))

    def check(folder: Path) -> str | None:
        if is_gone and os.path.lexists(folder / "runs" / sound.run / FAILURE):
            return f"{FAILURE} is left"
        return same(folder)

    return Trial(KIND, name, sound.discover(), prepare, (sound.run,), "restored", check)


def _closed(prepare: Callable[[Path], None], run: str, folder: Path) -> None:
    prepare(folder)
    for path in ((folder / "runs" / run), folder / "runs" / "jobs", folder / "runs"):
        path.chmod(0o555)


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(_HUGE)
