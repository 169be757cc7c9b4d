"""The files of a report's folder are written by one command at a time: two may end the same run at the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.engine.claim import Meanwhile, claimed, is_free, is_held

_LOCK = ".writing.lock"
# Writing takes a part of a second; a folder on another host may show the end of it later.
_LOOKED_EVERY_S, _WAITED_S = 0.05, 5.0


@contextmanager
def written_alone(folder: Path) -> Iterator[None]:
    """No other command writes the folder's files meanwhile. ValueError where nothing can be written there."""
    with claimed(folder / _LOCK, f"files of {folder.name}", lambda: False, Meanwhile()):
        yield


def was_left_behind(folder: Path) -> bool:
    """Whether a command that writes the folder's files, or was killed as it did, has left its mark."""
    return not is_free(folder / _LOCK)


def wait_until_written(folder: Path) -> None:
    """Wait, for some seconds at most, while another command writes the folder's files."""
    began = time.monotonic()
    while is_held(folder / _LOCK) and time.monotonic() - began < _WAITED_S:
        time.sleep(_LOOKED_EVERY_S)
