"""Reports that commands have left as JSON, read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from pipelines.engine.result_file import DamagedError, require_known_version
from pipelines.engine.seal import require_sealed
from pipelines.reporting.report import Format


def read_report(path: Path, of: Format, *, again: str, needs: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a report. ValueError, naming the file, where it is damaged or lacks one of `needs`.

    again  the command that makes it anew
    """
    try:
        found = parse_strictly(data := read_bytes(path))
    except ValueError as error:
        raise DamagedError(f"{path} is damaged: {error}. Make it anew: {again}") from None
    require_known_version(found if isinstance(found, dict) else {}, of.name, of.version, where=str(path))
    if lacking := [name for name in needs if name not in found]:
        raise DamagedError(f"{path} is damaged: it lacks {', '.join(lacking)}. Make it anew: {again}")
    require_sealed(path, data, again=again)
    return found
