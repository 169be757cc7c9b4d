"""The hash of a large file, read again only when the file has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from circuits.files import open_file, read_bytes, replace_file
from circuits.model.fetchable import models_folder
from circuits.strict_json import parse_strictly

_KEPT_FROM = 256 * 2**20  # bytes: below, reading takes less than a second
_State = tuple[int, int, int, int, int]


def content_hash(file: Path) -> str:
    """SHA-256 of what is in a file, in hexadecimal. A link's name says nothing about it, even in the cache of a hub.

    Hashes of files from 256 MB on are kept in the cache folder of this machine, beside what would tell that the file
    has changed: device, inode, size, and the times of the last change of content and of the entry. The last cannot be
    set by programs, so that a file put in the place of another with its time is read again.
    """
    path = file.resolve()
    status = path.stat()
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _hash(path, state)


@lru_cache(maxsize=64)
def _hash(path: Path, state: _State) -> str:
    if state[2] < _KEPT_FROM:
        return _read(path)
    kept = models_folder().parent / "hashes" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    if (known := _kept(kept, state)) is not None:
        return known
    digest = _read(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        replace_file(kept, json.dumps({"state": state, "sha256": digest}).encode())
    return digest


def _kept(file: Path, state: _State) -> str | None:
    try:
        record = parse_strictly(read_bytes(file))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("state") != list(state):
        return None
    digest = record.get("sha256")
    return digest if isinstance(digest, str) and len(digest) == 64 else None


def _read(path: Path) -> str:
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
