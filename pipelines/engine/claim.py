"""Claim: who computes a job, where several commands on one store want it at the same time.

    runs/jobs/ab/ab12....lock    the process that computes the job

A process that comes second waits for the result, and computes other jobs of its own meanwhile. A claim ends with its
job. That of a process which was killed is taken over: on its own host because it is gone, on another one because it no
longer touches the file. A job holds one claim and waits for none while it computes, so that no two can wait for each
other. Should a claim be broken that was alive, a job is computed twice, to the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from pipelines.engine.owner import is_running, this_process

_TOUCHED_EVERY_S = 10
_STALE_AFTER_S = 60
_LOOKED_EVERY_S = 0.05
_SAID_AFTER_S = 5
_LOG = logging.getLogger(__name__)


class StoppedWaitingError(RuntimeError):
    """The command ends: nobody waits any more for a job that another one computes."""


class Meanwhile:
    """What a thread does while another process computes the job that it came for. This one does nothing."""

    def work(self) -> bool:
        """Compute something else; False where there is nothing."""
        return False

    @property
    def is_over(self) -> bool:
        """Whether the command ends."""
        return False


@contextlib.contextmanager
def claimed(path: Path, what: str, is_done: Callable[[], bool], meanwhile: Meanwhile) -> Iterator[bool]:
    """Whether what the file at `path` is a claim on is to be done here: True until the `with` ends, or False once
    `is_done` says that another process has done it.

    what  the work, for people
    Raises a ValueError where no file can be written.
    """
    watch, began = _Watch(path), time.monotonic()
    is_said = False
    while not _made(path):
        if is_done():
            yield False
            return
        if (left := watch.left_behind()) is not None:
            _take_away(path, left)
            continue
        if meanwhile.is_over:
            raise StoppedWaitingError(what)
        if not is_said and time.monotonic() - began > _SAID_AFTER_S:
            is_said = True
            _LOG.warning("'%s' is being computed by %s; its result is waited for.", what, watch.owner)
        if not meanwhile.work():
            time.sleep(_LOOKED_EVERY_S)
    try:
        with _TOUCHED.during(path):
            yield not is_done()
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def is_free(path: Path) -> bool:
    """Whether nobody has a claim at `path` now."""
    return not os.path.lexists(path)


def is_held(path: Path) -> bool:
    """Whether the process that made the claim at `path` runs, or may run."""
    return _Watch(path).left_behind() is None and not is_free(path)


def _made(path: Path) -> bool:
    """Make a claim; False where there is one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(json.dumps(this_process()).encode())
    except FileExistsError:
        return False
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}. Choose another store with --runs.") from None
    return True


def _take_away(path: Path, left: bytes) -> None:
    """Remove a claim that was left behind, unless another process has done so and made its own."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with contextlib.suppress(FileNotFoundError):
        path.replace(aside)
        if _content(aside) != left:
            with contextlib.suppress(OSError):
                os.link(aside, path)
        aside.unlink()


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError:
        return b""


class _Watch:
    """Looks at a claim of another process again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[bytes, int] | None = None
        self._since = 0.0
        self.owner = "another process"

    def left_behind(self) -> bytes | None:
        """The content of a claim whose process is gone; None of one that is alive, or that has ended."""
        try:
            seen = _content(self._path), self._path.stat().st_mtime_ns
        except OSError:
            return None
        content, _ = seen
        runs = self._runs(content)
        if runs is not None:
            return None if runs else content
        # By this clock alone: another host's may differ.
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return content if time.monotonic() - self._since > _STALE_AFTER_S else None

    def _runs(self, content: bytes) -> bool | None:
        """Whether the owner runs; None where that is not known, or the content is not written yet."""
        try:
            owner: dict[str, Any] = json.loads(content)
            runs = is_running(owner)
        except (ValueError, KeyError, TypeError):
            return None
        self.owner = f"process {owner['pid']} on {owner['host']}"
        return runs


class _Touched:
    """Touches the claims of this process while they last, for those who wait on other hosts."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def during(self, path: Path) -> Iterator[None]:
        with self._lock:
            self._paths.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._touch, name="claims", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._paths.discard(path)

    def _touch(self) -> None:
        while True:
            time.sleep(_TOUCHED_EVERY_S)
            with self._lock:
                paths = list(self._paths)
            for path in paths:
                with contextlib.suppress(OSError):
                    os.utime(path)


_TOUCHED = _Touched()
