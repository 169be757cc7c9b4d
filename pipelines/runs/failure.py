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
# Characters of an error that are shown, and that are kept: of some, the message is pages long.
_LONGEST, _LONGEST_KEPT = 500, 4000
# Of a file that this package wrote, whatever the characters are.
_MOST_BYTES = 2**16


def note_failure(folder: Path, error: Exception) -> None:
    """Keep why a run failed: the whole message, of errors that nobody worded with their kind, and the job."""
    message = str(error).strip()
    if not isinstance(error, ValueError | OSError) or not message:
        message = f"{type(error).__name__}: {message}".removesuffix(": ")
    job = next((note for note in getattr(error, "__notes__", ()) if note.startswith("in job ")), None)
    content = {"format": _FORMAT, "version": _VERSION, "error": _shortened(message, _LONGEST_KEPT), "job": job}
    with contextlib.suppress(OSError):
        replace_file(folder / FAILURE, as_json(content), survives_power_cut=False)


def forget_failure(folder: Path) -> None:
    """The run is begun again, or is finished."""
    with contextlib.suppress(OSError):
        (folder / FAILURE).unlink(missing_ok=True)


def failure_in(folder: Path) -> str | None:
    """The error that a run ended in, in one line: the first of its message, the first fault below it, and the job.

    None where there is none, or none that can be read.
    """
    path = folder / FAILURE
    try:
        found = parse_strictly(read_bytes(path)) if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        return None
    error, job = found.get("error"), found.get("job")
    if not isinstance(error, str) or not error.strip():
        return None
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    shown = [_shortened(line, _LONGEST) for line in lines[:2]]
    is_last = job is None or len(shown) > 1
    if is_last and shown[-1][-1] not in ".!?":
        shown[-1] += "."
    return " ".join([*shown, *([f"({job})"] if isinstance(job, str) else [])])


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
