"""Which commands compute now in a store: each keeps a small file there while it does, and whoever asks reads them.

    runs/.running.1a2b3c4d.json    what it computes, how far it is, its process and its host

The file goes when the command ends. Where it was killed, the file stays, and says so: its process is gone, or, of
another host, the file has not been touched for a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from circuits.files import read_bytes, replace_file
from circuits.strict_json import parse_strictly
from pipelines.engine.owner import is_running, this_process
from pipelines.engine.store import Store

_TOUCHED_EVERY_S = 10
_WRITTEN_EVERY_S = 0.5
_STALE_AFTER_S = 60
_PATTERN = ".running.*.json"


class Running(NamedTuple):
    """A command that computes now.

    owner   what it computes now, such as `run ioi-eap-1a2b3c4d`
    share   how much of its work is done, from 0 to 1
    left_s  about how many seconds are left; None where that is not known yet
    """

    owner: str
    share: float
    left_s: float | None


class Heartbeat:
    """The file of this command in every store that it computes for; used in a `with`."""

    def __init__(self, stores: Sequence[Store]) -> None:
        name = f".running.{uuid.uuid4().hex[:8]}.json"
        self._paths = [folder / name for folder in dict.fromkeys(store.folder for store in stores)]
        self._process = this_process()
        self._owner, self._written_s = "", 0.0
        self._ends = threading.Event()
        self._touches = threading.Thread(target=self._touch, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        for folder in {path.parent for path in self._paths}:
            for path, found in _files(folder):
                if not _is_alive(path, found):
                    path.unlink(missing_ok=True)
        if self._paths:
            self._touches.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        if self._paths:
            self._touches.join()
        for path in self._paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def beat(self, owner: str, share: float, left_s: float | None) -> None:
        """Say how far the command is, unless that was said just now of the same owner.

        A store that cannot be written any more is left alone: its results say so.
        """
        if owner == self._owner and time.monotonic() - self._written_s < _WRITTEN_EVERY_S:
            return
        self._owner, self._written_s = owner, time.monotonic()
        now = {"owner": owner, "share": share, "left_s": left_s, "at": time.time()}
        for path in self._paths:
            with contextlib.suppress(OSError):
                replace_file(path, json.dumps(self._process | now).encode(), survives_power_cut=False)

    def _touch(self) -> None:
        while not self._ends.wait(_TOUCHED_EVERY_S):
            for path in self._paths:
                with contextlib.suppress(OSError):
                    os.utime(path)


def running_in(folder: Path) -> list[Running]:
    """The commands that compute now in the store at `folder`; files of killed ones are passed over."""
    alive = [found for path, found in _files(folder) if _is_alive(path, found)]
    return [Running(found["owner"], found["share"], _left_now(found)) for found in alive]


def _left_now(found: dict[str, Any]) -> float | None:
    """The seconds left, less those that have passed since they were written."""
    return None if found["left_s"] is None else max(0.0, found["left_s"] - (time.time() - found["at"]))


def _files(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of commands in a store that can be read, with their content."""
    for path in sorted(folder.glob(_PATTERN)):
        try:
            found = parse_strictly(read_bytes(path))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and {"owner", "share", "left_s", "at", "pid", "host", "started"} <= found.keys():
            yield path, found


def _is_alive(path: Path, found: dict[str, Any]) -> bool:
    if (runs := is_running(found)) is not None:
        return runs
    try:
        return time.time() - path.stat().st_mtime < _STALE_AFTER_S
    except OSError:
        return False
