"""What a store keeps and no run or report in it refers to: results of earlier settings, and what killed commands left.

A run names its jobs in run.json, finished or not, and every other report in about.json. A result that is removed is
computed again where a command needs it.
"""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipelines.engine.claim import is_held
from pipelines.engine.heartbeat import running_in
from pipelines.engine.seal import ABOUT
from pipelines.engine.store import Store
from pipelines.runs.about_file import jobs_in
from pipelines.runs.record import RECORD, read_record

_JOBS = "jobs"
# What the engine names files in a folder of jobs: a key and one of its endings, or a temporary file.
_RESULT = re.compile(r"([0-9a-f]{32})\.(npz|cost\.json|lock|partial)")
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.\S+\.tmp")
# Younger files may be those of a command that began a moment ago.
LEFT_ALONE_S = 600


class Unused(NamedTuple):
    """Files that nothing refers to.

    n_results   how many results are among them
    size_bytes  of all of them together
    n_kept      how many results stay
    n_young     how many of these only because they are too young to tell whether a command needs them
    silent      folders of reports that do not say which results they use: an earlier version wrote them
    """

    files: tuple[Path, ...]
    n_results: int
    size_bytes: int
    n_kept: int
    n_young: int
    silent: tuple[Path, ...]


def unused_in(folder: Path) -> Unused:
    """What nothing refers to in the store at `folder`.

    Raises a ValueError where there is no store, a record cannot be read, or a command computes there now.
    """
    store = Store(folder)
    store.require_known()
    if running := running_in(folder):
        raise ValueError(
            f"{running[0].owner} is being computed in {folder} now, and may need any result. Wait until it ends, "
            "or stop it with Ctrl-C."
        )
    named, silent = _named_in(folder)
    files, n_results, n_kept, n_young, size_bytes = list[Path](), 0, 0, 0, 0
    for path, size, is_young in _files_of_jobs(folder / _JOBS):
        match = _RESULT.fullmatch(path.name)
        is_result = match is not None and match[2] == "npz"
        if match is not None and match[1] in named and match[2] != "lock":
            n_kept += is_result
            continue
        if is_young:
            n_kept += is_result
            n_young += is_result
            continue
        if match is not None and match[2] == "lock" and is_held(path):
            raise ValueError(f"a job is being computed in {folder} now ({path.name}). Wait until it ends.")
        files.append(path)
        n_results += is_result
        size_bytes += size
    return Unused(tuple(files), n_results, size_bytes, n_kept, n_young, silent)


def remove(unused: Unused) -> None:
    """Delete the files. A ValueError names the first that cannot be deleted; those before it are gone."""
    for path in unused.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ValueError(f"cannot remove {path}: {error.strerror or error}.") from None


def _named_in(folder: Path) -> tuple[set[str], tuple[Path, ...]]:
    """The keys of all jobs that runs and reports name, and the folders of reports that name none."""
    named: set[str] = set()
    for path in sorted(folder.rglob(RECORD)):
        named.update(job["key"] for job in read_record(path.parent)["jobs"])
    silent = []
    for path in sorted(folder.rglob(ABOUT)):
        keys = jobs_in(path)
        if keys is not None:
            named.update(keys)
        elif not (path.parent / RECORD).exists():
            silent.append(path.parent)
    return named, tuple(silent)


def _files_of_jobs(folder: Path) -> Iterator[tuple[Path, int, bool]]:
    """The files of jobs, with their sizes, and whether they are too young to go; no link is followed, no other file."""
    if not stat.S_ISDIR(_mode(folder)):
        return
    for inner in sorted(folder.iterdir()):
        if not stat.S_ISDIR(_mode(inner)) or not re.fullmatch(r"[0-9a-f]{2}", inner.name):
            continue
        for path in sorted(inner.iterdir()):
            found = path.lstat()
            is_ours = _RESULT.fullmatch(path.name) or _TEMPORARY.fullmatch(path.name)
            if is_ours and stat.S_ISREG(found.st_mode):
                yield path, found.st_size, time.time() - found.st_mtime <= LEFT_ALONE_S


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0
