"""What a command does to the computer, as Python's audit events tell it: files written, processes started, pickles."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Event -> which of its arguments are paths that change.
_CHANGES = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
}
_STARTS = {"subprocess.Popen", "os.exec", "os.system", "os.posix_spawn"}
# Written by libraries when they are first used, whatever is asked; and programs that they ask about this computer.
_LIBRARIES = (os.devnull, "/dev/shm", "/proc", "/sys")
_OWN_PICKLES = ("dask.", "distributed.")  # of the plan of a run, made by this process for itself
_ASKS = {"uname", "lscpu", "fc-list", "ldconfig", "gcc", "ld", "nvidia-smi", "file"}


class Watch:
    """What was done outside of the folder."""

    def __init__(self) -> None:
        self.folders: tuple[str, ...] = ()
        self.strange: set[str] = set()

    def hears(self, event: str, given: tuple[Any, ...]) -> None:
        """An audit event."""
        if event == "open":
            path, _, flags = given
            if isinstance(path, (str, bytes)) and flags & _WRITES:
                self._written(event, path)
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                if isinstance(given[place], (str, bytes, os.PathLike)):
                    self._written(event, given[place])
        elif event == "pickle.find_class":
            if not str(given[0]).startswith(_OWN_PICKLES):
                self.strange.add(f"{event} {given[0]}.{given[1]}")
        elif event in _STARTS and not any(name in str(given) for name in _ASKS):
            self.strange.add(f"{event} {str(given)[:120]}")

    def _written(self, event: str, path: str | bytes | os.PathLike[Any]) -> None:
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  a link is what is written, not what it leads to
        if not full.startswith((*self.folders, *_LIBRARIES)) and "__pycache__" not in full:
            self.strange.add(f"{event} {full}")


_WATCHES: list[Watch] = []


def _hear(event: str, given: tuple[Any, ...]) -> None:
    for watch in _WATCHES:
        watch.hears(event, given)


sys.addaudithook(_hear)


@contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """A watch over everything but `folder`."""
    watch = Watch()
    caches = (Path(tempfile.gettempdir()) / "matplotlib", Path.home() / ".cache", Path.home() / ".config")
    watch.folders = tuple(map(str, (folder, *caches)))
    _WATCHES.append(watch)
    try:
        yield watch
    finally:
        _WATCHES.remove(watch)
