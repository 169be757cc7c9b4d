"""begun.json: the command that began a run, or began it again, in the folder of a run that is not finished.

What was typed is what its user knows, and continues the run only where it was typed, and while the folder is where it
was: a copy, and whoever stands in another folder, is told the settings that the run keeps instead (`again`). Gone once
the run is finished; where it cannot be written or removed, nothing else fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuits.files import read_bytes, replace_file
from circuits.strict_json import parse_strictly
from pipelines.engine.store import as_json
from pipelines.runs.record import again

BEGUN = "begun.json"
_FORMAT, _VERSION = "circuit-workbench-begun", 1
# Of a file that this package wrote: a command line of a shell holds two megabytes at most.
_MOST_BYTES = 2**22


def note_begun(folder: Path, command: str) -> None:
    """Keep the command that continues a run."""
    content = {"format": _FORMAT, "version": _VERSION, "command": command, **_places(folder)}
    with contextlib.suppress(OSError):
        replace_file(folder / BEGUN, as_json(content), survives_power_cut=False)


def forget_begun(folder: Path) -> None:
    """The run is finished."""
    with contextlib.suppress(OSError):
        (folder / BEGUN).unlink(missing_ok=True)


def continued_by(folder: Path, record: Mapping[str, Any]) -> str:
    """The command that continues the run in a folder: the one that began it where that does so, else by its settings.

    record  of the run
    """
    path = folder / BEGUN
    try:
        found = parse_strictly(read_bytes(path)) if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict) and found.get("format") == _FORMAT and isinstance(found.get("command"), str):
        with contextlib.suppress(OSError):
            places = _places(folder)
            if places == {name: found.get(name) for name in places}:
                return found["command"]
    return again(folder, record)


def _places(folder: Path) -> dict[str, str]:
    """Where the run is, and where the command stands."""
    return {"run": os.path.realpath(folder), "typed_in": str(Path.cwd())}
