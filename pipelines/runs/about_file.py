"""about.json: what the files of a folder say of themselves, also those that have no place for it, such as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.files import is_file, read_bytes
from circuits.strict_json import parse_strictly
from pipelines.engine.seal import ABOUT, ABOUT_FORMAT, require_sealed, sealed
from pipelines.engine.store import as_json

_VERSION = 1


def about_file(facts: Mapping[str, Any], files: Mapping[str, bytes], jobs: Sequence[str]) -> bytes:
    """about.json: the facts, the files that they are about with their hashes, and the keys of the jobs whose results
    are in these."""
    known = {"format": ABOUT_FORMAT, "version": _VERSION, **sealed(files), "about": dict(facts)}
    return as_json(known | {"jobs": list(jobs)})


def jobs_in(path: Path) -> list[str] | None:
    """The keys of the jobs that an about.json names; None where it was written by a version that did not name them.

    ValueError for a file that cannot be read.
    """
    try:
        stored = parse_strictly(read_bytes(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from None
    jobs = stored.get("jobs") if isinstance(stored, dict) and stored.get("format") == ABOUT_FORMAT else None
    return [str(key) for key in jobs] if isinstance(jobs, list) else None


def facts_beside(path: Path) -> dict[str, Any] | None:
    """The facts about a file that its folder has, or about a folder; None where there are none of it."""
    folder = path if path.is_dir() else path.parent
    if not is_file(folder / ABOUT):
        return None
    try:
        stored = parse_strictly(read_bytes(folder / ABOUT))
    except ValueError as error:
        raise ValueError(
            f"{folder / ABOUT} is damaged: {error}. The command that made the folder writes it anew."
        ) from None
    if (
        not isinstance(stored, dict)
        or stored.get("format") != ABOUT_FORMAT
        or not isinstance(stored.get("about"), dict)
    ):
        return None
    is_named = path.is_dir() or path.name in stored.get("files", [])
    return stored["about"] if is_named else None


def command_beside(path: Path) -> str | None:
    """The command that makes a file again, as its folder says; None where that does not say."""
    facts = facts_beside(path)
    return None if facts is None else facts.get("command")


def sealed_bytes(path: Path) -> bytes:
    """The content of a file. `DamagedError` where it lies in a folder whose about.json has another hash of it."""
    data = read_bytes(path)
    require_sealed(path, data, again=command_beside(path) or "the command of its folder")
    return data
