"""Where results are kept: one file per job, named after its content key, shared by all runs of a folder.

    runs/store.json             format and version
    runs/jobs/ab/ab12....npz    one job's result (`pipelines.engine.result_file`)
    runs/jobs/ab/ab12....cost.json    what it took
    runs/jobs/ab/ab12....partial      of a job that is not done yet (`pipelines.engine.watch`)
    runs/jobs/ab/ab12....lock         who computes it now (`pipelines.engine.claim`)
    runs/ioi-eap-1a2b3c4d/      one run, for people (`pipelines.runs.run`)

Every file is written to a temporary name in its own folder and renamed, so that a reader, a second run on the same
folder or a run that follows a crash sees a whole file or none. A damaged file counts as missing, with a warning that
names it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from circuits.files import read_bytes, write_atomically
from circuits.strict_json import parse_strictly
from pipelines.engine.result_file import DamagedError, Result, decode, encode, require_known_version

FORMAT = "circuit-workbench-store"
VERSION = 1
_COSTS = ("seconds", "multiply_adds", "peak_memory_mb")
_LONGEST_NAME = 255  # bytes, on the file systems of today
_LEFTOVER_AFTER_S = 24 * 3600
# File systems tell times apart in ticks of up to 10 ms: what was written a moment ago may be written again unnoticed.
_SETTLED_AFTER_NS = 20_000_000
_LOG = logging.getLogger(__name__)


def require_folder(folder: Path) -> None:
    """Raise a ValueError where there is no folder of runs at all."""
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}. Runs are kept in the folder given by `circuits discover --runs FOLDER`.")


def require_writable(folder: Path) -> None:
    """Raise a ValueError where no folder can be made at a path, or none written in; leaves nothing behind.

    So that a report's folder that cannot be written is refused before its jobs run.
    """
    if long := [part for part in folder.parts if len(os.fsencode(part)) > _LONGEST_NAME]:
        raise ValueError(
            f"no folder can be called {long[0][:40]}..., which has more than {_LONGEST_NAME} bytes. No model was run. "
            "Choose another folder, or give the prompt file a shorter name."
        )
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    probe = nearest / f".probe.{uuid.uuid4().hex}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"cannot write in {folder}: {nearest}: {error.strerror or error}. No model was run. Choose another folder."
        ) from None


def as_json(value: Any) -> bytes:
    """A JSON file for people and programs: indented, no NaN; of names that are no text, the rest is escaped."""
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
        if "\\ud" in text:
            text = json.dumps(_of_characters(value), indent=2, allow_nan=False)
        return f"{text}\n".encode()
    except ValueError as error:
        raise ValueError(
            f"a result is not finite, so that it is not written ({error}). Numbers of the model overflow: use --dtype "
            "float32, or settings that are less extreme."
        ) from None


def _of_characters(value: Any) -> Any:
    """A value without halves of characters, which names of files may hold and JSON may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_of_characters(key): _of_characters(inner) for key, inner in value.items()}
    return [_of_characters(inner) for inner in value] if isinstance(value, list | tuple) else value


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and programs."""
    write_atomically(path, as_json(value))


class _State(NamedTuple):
    """Of a file, what is another once it is written again; `changed_ns` also where somebody sets its other time."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


def _state(path: Path) -> _State | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return _State(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


class Store:
    """The results under one folder, by key."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self._whole: dict[str, _State] = {}

    def prepare(self) -> None:
        """Make the folder, and check that it can be written and is of a version that this package knows."""
        marker = self.folder / "store.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe.{uuid.uuid4().hex}.tmp"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ValueError(
                f"cannot write in {self.folder}: {error.strerror or error}. No model was run. "
                "Choose another folder with --runs."
            ) from None
        self._remove_leftovers()
        if not self._has_known_version(marker):
            write_json(marker, {"format": FORMAT, "version": VERSION})

    def require_known(self) -> None:
        """Raise a ValueError where the folder is no store, or one of a version that this package does not know."""
        require_folder(self.folder)
        if not self._has_known_version(self.folder / "store.json"):
            raise ValueError(f"{self.folder} is no store: it has no sound store.json. Commands make one with --runs.")

    def path(self, key: str) -> Path:
        """Where the result of job `key` is kept."""
        return self.folder / "jobs" / key[:2] / f"{key}.npz"

    def files(self, key: str) -> tuple[Path, Path]:
        """The result of job `key`, and beside it what computing it took."""
        result = self.path(key)
        return result, result.with_suffix(".cost.json")

    def claim(self, key: str) -> Path:
        """The file that says who computes the result of `key` now."""
        return self.path(key).with_suffix(".lock")

    def has(self, key: str) -> bool:
        """Whether the result of `key` is kept, whole. A damaged file is named in a warning and counts as missing.

        A file that was found whole is read and checked again only once it is another.
        """
        whole = self._whole.get(key)
        return (whole is not None and whole == _state(self.path(key))) or self.find(key) is not None

    def find(self, key: str) -> Result | None:
        """The result of `key`, checked against its hash; None where there is none, or only a damaged file."""
        path = self.path(key)
        try:
            before = _state(path)
            result = decode(read_bytes(path), key=key, where=str(path))
            if before is not None and time.time_ns() - before.changed_ns > _SETTLED_AFTER_NS:
                self._whole[key] = before
            return result
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
        except DamagedError as error:
            _LOG.warning("%s It is computed again.", error)
            return None

    def read(self, key: str) -> Result:
        """The result of `key`, which must have been computed."""
        result = self.find(key)
        if result is None:
            raise ValueError(
                f"{self.path(key)} is gone or damaged. Run the same command again: only this is recomputed."
            )
        return result

    def write(self, key: str, stage: str, result: Result) -> None:
        """Keep a result under its key."""
        write_atomically(self.path(key), encode(result, key=key, stage=stage))
        self._partial(key).unlink(missing_ok=True)

    def partial(self, key: str) -> bytes | None:
        """What a job that was interrupted had kept; None where it kept nothing."""
        try:
            return read_bytes(self._partial(key))
        except OSError:
            return None

    def write_partial(self, key: str, data: bytes) -> None:
        """Keep what a job has computed so far; `write` of its result ends that."""
        write_atomically(self._partial(key), data)

    def _partial(self, key: str) -> Path:
        return self.path(key).with_suffix(".partial")

    def write_cost(self, key: str, cost: Mapping[str, Any]) -> None:
        """Keep what computing a result took, beside it: it differs from run to run, so it is not part of the result."""
        write_atomically(self.files(key)[1], as_json(cost), survives_power_cut=False)

    def cost(self, key: str) -> dict[str, Any] | None:
        """What computing the result of `key` took; None where that is not known, or where the file is damaged."""
        try:
            found = _object_in(read_bytes(self.files(key)[1]))
        except OSError:
            return None
        is_known = isinstance(found.get("seconds"), int | float)
        return found if is_known and all(isinstance(found.get(name), int | float | None) for name in _COSTS) else None

    def _remove_leftovers(self) -> None:
        """Delete what processes that were killed have left: temporary files, once nobody can still be writing them, and
        what they kept of jobs whose results are there."""
        for path in self.folder.rglob(".*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _LEFTOVER_AFTER_S:
                    path.unlink()
        for path in self.folder.glob("jobs/*/*.partial"):
            with contextlib.suppress(OSError):
                if path.with_suffix(".npz").is_file():
                    path.unlink()

    def _has_known_version(self, marker: Path) -> bool:
        try:
            content = read_bytes(marker)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ValueError(f"cannot read {marker}: {error.strerror or error}.") from None
        try:
            require_known_version(_object_in(content), FORMAT, VERSION, where=str(marker))
        except DamagedError:
            _LOG.warning("%s is damaged; it is written again.", marker)
            return False
        return True


def _object_in(content: bytes) -> dict[str, Any]:
    """The JSON object that the bytes hold; an empty one where they hold none."""
    try:
        found = parse_strictly(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
