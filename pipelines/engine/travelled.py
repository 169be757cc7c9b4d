"""Files that have come to this worker process with jobs, kept for the next jobs that read them.

Each job has a folder of its own, in which its files are links to these: what a thousand jobs read is written once, and
decoded once (`pipelines.engine.held_results`).
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from tempfile import TemporaryDirectory

from circuits.files import write_atomically

_MOST_BYTES = 2**30


class Travelled:
    """The files used last, by what their content goes by; safe to use from several threads.

    most_bytes  how much they may take on the disk, beside what jobs that run now read
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._folder: TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes, path: Path) -> None:
        """Have `data`, which goes by `name`, at a path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            # Made when it is first needed: commands import this file and keep nothing here.
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="circuits-worker-")
            kept = Path(self._folder.name) / name
            if not kept.is_file():
                write_atomically(kept, data, survives_power_cut=False)
            self._sizes[name] = len(data)
            self._sizes.move_to_end(name)
            try:
                os.link(kept, path)
            except OSError:  # a file system without links
                write_atomically(path, data, survives_power_cut=False)
            while sum(self._sizes.values()) > self._most_bytes:
                oldest, _ = self._sizes.popitem(last=False)
                (kept.parent / oldest).unlink(missing_ok=True)


TRAVELLED = Travelled()
