"""Results that jobs of this process have read and others will read again, such as the prompts of a run.

Every slice of a run reads the same prompts. Reading, checking and decoding these once per process keeps the cost of a
job independent of how many prompts the run has.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from pipelines.engine.result_file import Result
from pipelines.engine.store import Store

_MOST_BYTES = 256 * 2**20

# Of a file: its name, which says what it holds, and what changes when it is written again. Not its folder: where
# results travel with jobs, each job has links to the same files.
_File = tuple[str, int, int, int, int]


class HeldResults:
    """The results read last, as long as their files are as they were; safe to use from several threads.

    most_bytes  how much they may take, by the sizes of their files
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[_File, Result] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, store: Store, key: str) -> Result:
        """`Store.read`, from memory where that is the same. Arrays are the reader's own; the rest must not be
        changed."""
        path = store.path(key)
        try:
            now = path.stat()
        except OSError:
            return store.read(key)
        file = (path.name, now.st_dev, now.st_ino, now.st_mtime_ns, now.st_size)
        with self._lock:
            result = self._held.get(file)
            if result is not None:
                self._held.move_to_end(file)
        if result is None:
            result = store.read(key)
            self._hold(file, result)
        return Result(result.meta, {name: array.copy() for name, array in result.arrays.items()})

    def _hold(self, file: _File, result: Result) -> None:
        size_bytes = file[-1]
        if size_bytes > self._most_bytes:
            return
        with self._lock:
            self._held[file] = result
            while sum(size for *_, size in self._held) > self._most_bytes:
                self._held.popitem(last=False)
