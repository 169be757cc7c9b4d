"""run.json: what made a run, and what its folder holds; written when a run begins, and last when it is finished."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.engine.result_file import DamagedError, require_known_version

FORMAT = "circuit-workbench-run"
VERSION = 1
RECORD = "run.json"
DISCOVER = "discover"  # what made the runs whose record names no command
_LOG = logging.getLogger(__name__)


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a run's folder. ValueError where it cannot be read, or is of a newer version."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        require_known_version(record if isinstance(record, dict) else {}, FORMAT, VERSION, where=str(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    except (DamagedError, UnicodeDecodeError, json.JSONDecodeError):
        raise DamagedError(f"{path} is damaged. The same command rewrites it and recomputes nothing.") from None
    return record


def command_of(record: Mapping[str, Any]) -> str:
    """The command that made a run."""
    return record.get("command", DISCOVER)


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
