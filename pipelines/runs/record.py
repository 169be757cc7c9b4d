"""run.json: what made a run, and what its folder holds; written when a run begins, and last when it is finished."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.engine.result_file import DamagedError, require_known_version
from pipelines.runs.shell_text import shell_line
from pipelines.runs.writing import wait_until_written

FORMAT = "circuit-workbench-run"
VERSION = 1
RECORD = "run.json"
SETTINGS = "config.yaml"
DISCOVER = "discover"  # what made the runs whose record names no command
_LOG = logging.getLogger(__name__)


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a run's folder. ValueError where it cannot be read, or is of a newer version."""
    path = folder / RECORD
    try:
        content = read_bytes(path)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    try:
        record = parse_strictly(content)
    except ValueError:
        raise DamagedError(damaged(path)) from None
    try:
        require_known_version(record if isinstance(record, dict) else {}, FORMAT, VERSION, where=str(path))
        _require_shape(record, path)
    except DamagedError:
        raise DamagedError(damaged(path)) from None
    return record


def read_recorded(folder: Path, record: Mapping[str, Any], name: str) -> tuple[bytes, Mapping[str, Any]]:
    """A file of a run, and the record that has its hash: the one given, or that of a command which has ended the same
    run meanwhile.

    ValueError where the file cannot be read, or was changed.
    """
    if (data := _recorded(folder, record, name)) is None:
        # Another command may be writing the files, or did so since the record was read.
        wait_until_written(folder)
        record = read_record(folder)
        if (data := _recorded(folder, record, name)) is None:
            raise ValueError(
                f"{folder / name} is damaged: its content does not match its hash. Restore it from the store: "
                f"{again(folder, record)}"
            )
    return data, record


def _recorded(folder: Path, record: Mapping[str, Any], name: str) -> bytes | None:
    """The content of a file; None where it is not what the record says."""
    path = folder / name
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(
            f"cannot read {path}: {error.strerror or error}. Restore it from the store: {again(folder, record)}"
        ) from None
    return data if hashlib.sha256(data).hexdigest() == record["files"].get(name) else None


def damaged(path: Path) -> str:
    """What is said of a record that is not sound."""
    return f"{path} is damaged. The same command rewrites it and recomputes nothing."


def _require_shape(record: Mapping[str, Any], path: Path) -> None:
    """Raise a `DamagedError` where a record lacks what every run's has."""
    config, jobs, files = (record.get(key) for key in ("config", "jobs", "files"))
    is_sound = (
        isinstance(record.get("name"), str)
        and isinstance(record.get("command", DISCOVER), str)
        and isinstance(config, dict)
        and all(isinstance(config.get(key), str) for key in ("task", "model", "method"))
        and isinstance(files, dict)
        and all(isinstance(digest, str) for digest in files.values())
        and isinstance(jobs, list)
        and all(isinstance(job, dict) and _is_text(job, "key") and _is_text(job, "label") for job in jobs)
    )
    if not is_sound:
        raise DamagedError(f"{path} lacks what a run's record holds.")


def _is_text(job: Mapping[str, Any], key: str) -> bool:
    return isinstance(job.get(key), str) and "\0" not in job[key]


def command_of(record: Mapping[str, Any]) -> str:
    """The command that made a run."""
    return record.get("command", DISCOVER)


def again(folder: Path, record: Mapping[str, Any]) -> str:
    """The command that makes the run in a folder anew, or continues it there: also in a copy of another run's folder,
    or in one that was renamed."""
    name = name_of(folder)
    line = ["circuits", *command_of(record).split(), "--config", str(folder / SETTINGS), "--runs", str(folder.parent)]
    return shell_line([*line, "--name", name] if name != record["name"] else line)


def name_of(folder: Path) -> str:
    """What a run is called: as its folder, so that copies are told apart."""
    # Of `.` and `..`, the name is that of where they lead; a link goes by its own.
    return (folder.resolve() if folder.name in ("", "..") else folder).name


def is_unfinished(folder: Path) -> bool:
    """Whether a run has a sound record, but is not finished."""
    try:
        return not read_record(folder)["files"]
    except ValueError:
        return False


def is_begun(folder: Path) -> bool:
    """Whether a run has a sound record. Raises for one of a newer version, which must not be overwritten."""
    if not (folder / RECORD).exists():
        return False
    try:
        read_record(folder)
    except DamagedError as error:
        _LOG.warning("%s", error)
        return False
    return True
