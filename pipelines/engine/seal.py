"""Seal: the hash of every file of a report, so that one which was changed or damaged afterwards is told from one as it
was written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.engine.result_file import DamagedError

ABOUT = "about.json"
ABOUT_FORMAT = "circuit-workbench-about"
_HASHES = "sha256"


def sealed(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What about.json has of the files: their names, in order, and the hash of each."""
    return {"files": list(files), _HASHES: {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}}


def require_sealed(path: Path, data: bytes, *, again: str) -> None:
    """Raise a `DamagedError` where the content of a report's file is not what its about.json says that it was.

    again  the command that makes it anew
    A file without an about.json beside it, or with one of a version that wrote no hashes, is taken as it is.
    """
    _require_hash(path, data, _hashes_in(path.parent).get(path.name), again)


def require_all_sealed(folder: Path, *, again: str) -> None:
    """The same for every file of a report's folder, also those that are not read: what is told of it stands for all.

    A file that is gone is none that was changed.
    """
    for name, wanted in _hashes_in(folder).items():
        if (path := folder / name).is_file():
            _require_hash(path, read_bytes(path), wanted, again)


def _require_hash(path: Path, data: bytes, wanted: Any, again: str) -> None:
    """Raise a `DamagedError` where a content has another hash than is wanted; None is wanted of what has none."""
    if wanted is not None and wanted != hashlib.sha256(data).hexdigest():
        raise DamagedError(
            f"{path} is damaged or was changed: its content does not match the hash in {ABOUT}. Make it anew: {again}"
        )


def _hashes_in(folder: Path) -> Mapping[str, Any]:
    """Name of a file -> its hash, as the about.json of a folder has them; none where that has no hashes."""
    try:
        stored = parse_strictly(read_bytes(folder / ABOUT))
    except (OSError, ValueError):
        return {}
    if not isinstance(stored, dict) or stored.get("format") != ABOUT_FORMAT:
        return {}
    hashes = stored.get(_HASHES)
    return hashes if isinstance(hashes, dict) else {}
