"""What jobs read, where workers share no folder: sent once, and not with every job that reads it.

What several jobs read becomes a task of its own, which gives these bytes. A worker that gets such a job fetches them
once, from the scheduler or from another worker, and holds them until the last job that reads them is done. Should all
workers that hold them be lost, Dask runs the task again: the scheduler has what it gives. What one job alone reads goes
with it.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from circuits.files import read_bytes
from pipelines.engine.job import Job
from pipelines.engine.remote_job import files_of, result_keys
from pipelines.engine.store import Store

if TYPE_CHECKING:
    from distributed import Client, Future


class Inputs(NamedTuple):
    """What a task needs: some with it, and the rest as the results of other tasks."""

    contents: dict[str, bytes]
    apart: dict[str, Future]


class SentInputs:
    """What the jobs of a command read, on its way to workers and there."""

    def __init__(self, client: Client, todo: Sequence[Job], store: Store, of_store: str) -> None:
        """of_store  tells what is sent for this command's store from the same keys of another's"""
        self._client, self._store, self._of_store = client, store, of_store
        self._n_readers = Counter(key for job in todo for key in set(result_keys(job)))
        self._n_readers_of_file = Counter(path for job in todo for path in set(files_of(job).values()))
        self._sent: dict[str, Future] = {}
        self._contents: dict[Path, str] = {}

    def files(self, job: Job) -> dict[str, tuple[str, str]]:
        """Name in a job's locations -> name of a file that the job reads, and what its content goes by."""
        return {name: (path.name, self._content(path)) for name, path in files_of(job).items()}

    def of(self, jobs: Sequence[Job]) -> Inputs:
        """What jobs that are sent together need; it must be in the store."""
        inputs = Inputs({}, {})
        for key in dict.fromkeys(key for job in jobs for key in result_keys(job)):
            self._add(inputs, key, self._store.path(key), self._n_readers[key])
        for path in dict.fromkeys(path for job in jobs for path in files_of(job).values()):
            self._add(inputs, self._content(path), path, self._n_readers_of_file[path])
        return inputs

    def done(self, job: Job) -> None:
        """Say that a job is done: what no other job reads is let go."""
        for key in set(result_keys(job)):
            self._n_readers[key] -= 1
            if not self._n_readers[key]:
                self._sent.pop(key, None)
        for path in set(files_of(job).values()):
            self._n_readers_of_file[path] -= 1
            if not self._n_readers_of_file[path]:
                self._sent.pop(self._contents.pop(path), None)

    def _add(self, inputs: Inputs, name: str, path: Path, n_readers: int) -> None:
        if name in self._sent:
            inputs.apart[name] = self._sent[name]
        elif n_readers > 1:
            data = pickle.dumps(read_bytes(path))
            # Under the name of its content: another command on the same store sends it once with this one.
            future = self._client.submit(pickle.loads, data, key=f"input-{self._of_store}-{name}")
            self._sent[name] = inputs.apart[name] = future
        else:
            inputs.contents[name] = read_bytes(path)

    def _content(self, path: Path) -> str:
        if path not in self._contents:
            self._contents[path] = hashlib.sha256(read_bytes(path)).hexdigest()[:32]
        return self._contents[path]
