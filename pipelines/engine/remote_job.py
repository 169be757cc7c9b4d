"""A job on a worker elsewhere, and what travels there and back.

Where workers share the store's folder, a job reads and writes it, and nothing travels. Else what it reads comes to the
worker as the bytes of result files, once for all jobs that read it (`pipelines.engine.sent_inputs`), and its own come
back; in between they lie in a folder that goes with the job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from pickle import PickleBuffer
from tempfile import TemporaryDirectory
from typing import Any

import cloudpickle

from circuits.files import read_bytes, write_atomically
from pipelines.engine.freed_memory import keep_freed_memory
from pipelines.engine.job import Job
from pipelines.engine.store import Store
from pipelines.engine.travelled import TRAVELLED
from pipelines.engine.versions_here import require_versions

# A file that a job reads travels up to this size; a larger one must be on the worker, as models are.
_LARGEST_FILE = 64 * 2**20


@dataclass(frozen=True)
class Parcel:
    """What goes to a worker with a job.

    versions  of the packages that must be the same there
    run       names the command that the job is computed for, and is the topic under which it is told how far it is
    folder    of the store, where workers share it; None: what the job reads comes with it (`needs`)
    files     name in the job's locations -> name of a file that the job reads, and what its content goes by
    """

    job: Job
    device: str
    versions: Mapping[str, str]
    run: str
    folder: str | None
    files: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """What its contents go by that must come with it: keys of results, and files."""
        if self.folder is not None:
            return ()
        return tuple(dict.fromkeys([*result_keys(self.job), *(content for _, content in self.files.values())]))


# Name -> bytes of the files of a result, of which there are two (`pipelines.engine.store`).
Written = Mapping[str, bytes]
# What goes by a name -> its bytes.
Contents = Mapping[str, bytes]


def result_keys(job: Job) -> Iterator[str]:
    """Keys of the results that a job reads; some of them twice."""
    return chain.from_iterable(job.inputs.values())


def files_of(job: Job) -> dict[str, Path]:
    """Name in a job's locations -> a file that travels with the job where no folder is shared."""
    paths = {name: Path(location) for name, location in job.locations.items() if name != "model"}
    return {name: path for name, path in paths.items() if path.is_file() and path.stat().st_size <= _LARGEST_FILE}


class _Run:
    """Parcels that are computed where they are unpickled, and come out as what was written."""

    def __init__(self, parcels: Sequence[Parcel], contents: Contents, apart: Sequence[str]) -> None:
        self._parcels, self._contents, self._apart = parcels, contents, apart

    def __reduce__(self) -> tuple[Callable[..., dict[str, Written]], tuple[Any, ...]]:
        return run_parcels, (self._parcels, self._contents, {name: PickleBuffer(b"") for name in self._apart})


def as_bytes(parcels: Sequence[Parcel], contents: Contents | None = None, apart: Sequence[str] = ()) -> bytes:
    """Parcels as bytes, for which `pickle.loads` on a worker is `run_parcels`.

    contents  what they need and takes its way with them
    apart     what they need and the worker has: `pickle.loads` is to be given its bytes, in this order, as buffers

    The scheduler unpickles a task's function and arguments: sent this way, it reads bytes and needs no package but
    Dask.
    """
    left_out: list[PickleBuffer] = []
    return cloudpickle.dumps(_Run(parcels, contents or {}, apart), protocol=5, buffer_callback=left_out.append)


def run_parcels(parcels: Sequence[Parcel], contents: Contents, apart: Contents) -> dict[str, Written]:
    """Compute jobs on a worker, one after the other. Key -> the files of its result; none where a folder is shared.

    ValueError where a package has another version here, or where the folder of the store is not here.
    """
    keep_freed_memory()
    return {parcel.job.key: _run_parcel(parcel, {**contents, **apart}) for parcel in parcels}


def _run_parcel(sent: Parcel, contents: Contents) -> Written:
    from pipelines.engine.cluster import tell_driver
    from pipelines.engine.run_job import run_job

    require_versions(sent.versions)
    tell = partial(tell_driver, sent.run)
    if sent.folder is not None:
        if not (Path(sent.folder) / "store.json").exists():
            raise ValueError(f"a worker does not see {sent.folder}. {HOW_TO_SHARE}")
        run_job(sent.job, sent.folder, sent.device, sent.run, tell)
        return {}
    with TemporaryDirectory(prefix="circuits-job-") as folder:
        store, job = Store(folder), sent.job
        for key in dict.fromkeys(result_keys(job)):
            TRAVELLED.put(key, contents[key], store.path(key))
        locations = dict(job.locations)
        for name, (called, content) in sent.files.items():
            path = store.folder / "files" / name / called
            TRAVELLED.put(content, contents[content], path)
            locations[name] = str(path)
        run_job(dataclasses.replace(job, locations=locations), folder, sent.device, sent.run, tell)
        return {path.name: read_bytes(path) for path in store.files(job.key) if path.exists()}


def keep(written: Written, key: str, store: Store) -> None:
    """Put the files that came back from a worker into the store."""
    folder = store.path(key).parent
    # What a result took lies beside it before the result itself does: whoever sees the one sees the other.
    for name in sorted(written):
        write_atomically(folder / name, written[name])


HOW_TO_SHARE = (
    "Results are passed through this folder: with --runs, choose one on a file system that all workers share, or let "
    "results travel through the scheduler with --data scheduler."
)
