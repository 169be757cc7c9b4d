"""failure.json: why the last attempt at a run ended in an error, in the folder of a run that is not finished.

It is of little worth, and gone once the run is begun again: where it cannot be written or removed, nothing else fails.
Ctrl-C, SIGTERM and a killed process leave none: such a run was interrupted.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from circuits.files import read_bytes, replace_file
from circuits.strict_json import parse_strictly
from pipelines.engine.store import as_json

FAILURE = "failure.json"
_FORMAT, _VERSION = "circuit-workbench-failure", 1
# Characters of an error that are kept: of some, the message is a page without a line's end.
_LONGEST = 500
# Of a file that this package wrote, many times over.
_MOST_BYTES = 2**16


def note_failure(folder: Path, error: Exception) -> None:
    """Keep why a run failed."""
    content = {"format": _FORMAT, "version": _VERSION, "error": first_line(error)}
    with contextlib.suppress(OSError):
        replace_file(folder / FAILURE, as_json(content), survives_power_cut=False)


def forget_failure(folder: Path) -> None:
    """The run is begun again, or is finished."""
    with contextlib.suppress(OSError):
        (folder / FAILURE).unlink(missing_ok=True)


def failure_in(folder: Path) -> str | None:
    """The error that a run ended in; None where there is none, or none that can be read."""
    path = folder / FAILURE
    try:
        found = parse_strictly(read_bytes(path)) if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError):
        return None
    error = found.get("error") if isinstance(found, dict) and found.get("format") == _FORMAT else None
    return _shortened(error) if isinstance(error, str) and error.strip() else None


def first_line(error: Exception) -> str:
    """The first line of an error with the job that it is of; of errors that nobody worded, their kind too."""
    line = next(iter(str(error).strip().splitlines()), "")
    if not isinstance(error, ValueError | OSError) or not line:
        line = f"{type(error).__name__}: {line}".removesuffix(": ")
    of_job = [note for note in getattr(error, "__notes__", ()) if note.startswith("in job ")]
    return " ".join([_shortened(line), *(f"({note})" for note in of_job[:1])])


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
