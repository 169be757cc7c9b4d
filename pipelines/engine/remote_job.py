"""A job on a worker elsewhere, and what travels there and back.

Where workers share the store's folder, a job reads and writes it, and nothing travels. Else what it reads goes with it,
as the bytes of result files, and its own come back; in between they lie in a folder that goes with the job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cloudpickle

from circuits.files import read_bytes
from pipelines.engine.freed_memory import keep_freed_memory
from pipelines.engine.job import Job
from pipelines.engine.store import Store, write_atomically
from pipelines.engine.versions_here import require_versions

# A file that a job reads travels up to this size; a larger one must be on the worker, as models are.
_LARGEST_FILE = 64 * 2**20


@dataclass(frozen=True)
class Parcel:
    """What goes to a worker with a job.

    versions  of the packages that must be the same there
    run       names the command that the job is computed for, and is the topic under which it is told how far it is
    folder    of the store, where workers share it; None: `results` and `files` have what the job reads
    results   key -> bytes of the result files that the job reads
    files     name in the job's locations -> name and bytes of a file that the job reads
    """

    job: Job
    device: str
    versions: Mapping[str, str]
    run: str
    folder: str | None
    results: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = dataclasses.field(default_factory=dict)


# Name -> bytes of the files of a result, of which there are two (`pipelines.engine.store`).
Written = Mapping[str, bytes]


def parcel(job: Job, store: Store, device: str, versions: Mapping[str, str], run: str, *, is_shared: bool) -> Parcel:
    """A job with what it reads; its inputs must be in the store."""
    if is_shared:
        return Parcel(job, device, versions, run, str(store.folder))
    keys = dict.fromkeys(key for keys in job.inputs.values() for key in keys)
    files = {name: Path(location) for name, location in job.locations.items() if name != "model"}
    travelling = {
        name: (path.name, read_bytes(path))
        for name, path in files.items()
        if path.is_file() and path.stat().st_size <= _LARGEST_FILE
    }
    return Parcel(job, device, versions, run, None, {key: read_bytes(store.path(key)) for key in keys}, travelling)


class _Run:
    """A parcel that is computed where it is unpickled, and comes out as what was written."""

    def __init__(self, sent: Parcel) -> None:
        self._sent = sent

    def __reduce__(self) -> tuple[Callable[[Parcel], Written], tuple[Parcel]]:
        return run_parcel, (self._sent,)


def as_bytes(sent: Parcel) -> bytes:
    """A parcel as bytes, for which `pickle.loads` on a worker is `run_parcel`.

    The scheduler unpickles a task's function and arguments: sent this way, it reads bytes and needs no package but
    Dask.
    """
    return cloudpickle.dumps(_Run(sent))


def run_parcel(sent: Parcel) -> Written:
    """Compute a job on a worker. The files of its result where no folder is shared, else none.

    ValueError where a package has another version here, or where the folder of the store is not here.
    """
    from pipelines.engine.cluster import tell_driver
    from pipelines.engine.run_job import run_job

    require_versions(sent.versions)
    keep_freed_memory()
    tell = partial(tell_driver, sent.run)
    if sent.folder is not None:
        if not (Path(sent.folder) / "store.json").exists():
            raise ValueError(f"a worker does not see {sent.folder}. {HOW_TO_SHARE}")
        run_job(sent.job, sent.folder, sent.device, sent.run, tell)
        return {}
    with TemporaryDirectory(prefix="circuits-job-") as folder:
        store, job = Store(folder), sent.job
        for key, data in sent.results.items():
            write_atomically(store.path(key), data)
        locations = dict(job.locations)
        for name, (called, data) in sent.files.items():
            path = store.folder / "files" / name / called
            write_atomically(path, data)
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
