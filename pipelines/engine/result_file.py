"""The file format of one job's result: arrays and a JSON record in one zip file, sealed with a hash of their content.

`numpy.load(path, allow_pickle=False)` reads the arrays and `unzip -p path record.json` the record. Equal results give
equal bytes: neither times nor paths are written. No pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.result import Result

FORMAT = "circuit-workbench-result"
VERSION = 1
_RECORD = "record.json"
# What zipfile, json and numpy raise for bytes that are not what was written. RuntimeError: said to be encrypted, or
# (RecursionError) nested too deeply.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    OSError,
    OverflowError,
    MemoryError,
    RuntimeError,
)


class DamagedError(ValueError):
    """A file that was written by this package and no longer holds what was written."""


def canonical_json(value: Any) -> str:
    """The canonical text of a JSON value: keys sorted, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def require_known_version(record: Mapping[str, Any], known: str, newest: int, *, where: str) -> None:
    """Raise where `record` is not of format `known`, or of a version that this package is too old to read."""
    version = record.get("version")
    if record.get("format") != known:
        raise DamagedError(f"{where} is not a {known} file: it says format {record.get('format')!r}.")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DamagedError(f"{where} is not a {known} file: it says version {version!r}.")
    if version > newest:
        raise ValueError(
            f"{where} has {known} version {version}, this package reads up to {newest}: it was written by a "
            "newer circuit-workbench. Upgrade (pip install -U circuit-workbench), or choose another --runs folder."
        )


def content_hash(result: Result) -> str:
    """SHA-256 over the values of a result: names, types, shapes and numbers."""
    digest = hashlib.sha256(canonical_json(result.meta).encode())
    for name in sorted(result.arrays):
        array = np.ascontiguousarray(result.arrays[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def encode(result: Result, *, key: str, stage: str) -> bytes:
    """The bytes of a result file."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "key": key,
        "stage": stage,
        "sha256": content_hash(result),
        "meta": result.meta,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # ZipInfo's default date is fixed, so that equal results are equal files.
        archive.writestr(zipfile.ZipInfo(_RECORD), canonical_json(record))
        for name in sorted(result.arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(result.arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return buffer.getvalue()


def decode(data: bytes, *, key: str, where: str) -> Result:
    """The result in the bytes of a file; inverse of `encode`.

    Raises `DamagedError` where the content is not what was written under `key`, a plain ValueError for a newer format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            record = json.loads(archive.read(_RECORD))
            members = [name for name in archive.namelist() if name != _RECORD]
            arrays = {name.removesuffix(".npy"): _read_array(archive.read(name)) for name in members}
    except _UNREADABLE as error:
        raise DamagedError(f"{where} is damaged or truncated ({error}).") from None
    if not isinstance(record, dict):
        raise DamagedError(f"{where} is damaged: its record is not a JSON object.")
    require_known_version(record, FORMAT, VERSION, where=where)
    result = Result(record.get("meta", {}), arrays)
    try:
        is_sound = record.get("key") == key and record.get("sha256") == content_hash(result)
    except _UNREADABLE:  # NaN, which canonical JSON does not have
        is_sound = False
    if not is_sound:
        raise DamagedError(f"{where} is damaged: its content does not match its hash.")
    return result


def _read_array(data: bytes) -> NDArray[Any]:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
