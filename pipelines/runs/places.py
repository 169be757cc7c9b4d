"""Where nothing else may be written: the folders of runs, what a store keeps for itself, and the files of reports."""

from __future__ import annotations

from pathlib import Path

from circuits.files import is_file, is_file_name, read_bytes, real_path
from circuits.strict_json import parse_strictly
from pipelines.engine.seal import ABOUT
from pipelines.runs.record import RECORD

_MARKER, _JOBS = "store.json", "jobs"
_CHOOSE = "Choose another file with --out."
_HEAD_BYTES = 24


def require_place_for_report(folder: Path) -> None:
    """Raise a ValueError where the files of a report would mix with those of a run or of a store, and where the folder
    has the name of a file."""
    if is_file_name(folder) and not folder.is_dir():
        raise ValueError(
            f"{folder} would be a folder, as several files are written, and has the name of a file: call it "
            f"{folder.with_suffix('')} with --out."
        )
    _require_no_run(folder)
    if is_file(folder / _MARKER):
        raise ValueError(f"{folder} is a store of runs, which would be damaged. Choose another folder with --out.")
    _require_no_result(folder)


def require_place_for_file(path: Path) -> None:
    """Raise a ValueError where a file would be written into a run, or replace one of a store or of a report."""
    folder = path.parent
    _require_no_run(folder)
    if path.name == _MARKER and is_file(path):
        raise ValueError(f"{path} is what makes {folder} a store of runs, and would be replaced. {_CHOOSE}")
    if path.name in _names_of_report(folder):
        raise ValueError(f"{path} is a file of the report in {folder}, which would be damaged. {_CHOOSE}")
    _require_no_result(path)


def require_replaceable(path: Path, data: bytes) -> None:
    """Raise a ValueError where a file would be lost that no command wrote: one that neither says what it was made of,
    as drawings do, nor begins as `data` does, as tables for programs do."""
    from graphs.export import read_about

    if not path.is_file():
        return
    there = read_bytes(path)
    if not there or _head(there) == _head(data):
        return
    try:
        read_about(there, source=str(path))
    except ValueError:
        raise ValueError(
            f"{path} is there, and is nothing that this command wrote: it would be lost. Take it away, or choose "
            "another file with --out."
        ) from None


def _head(data: bytes) -> bytes:
    """The first line of a file, or what of it tells files of one format apart."""
    line, _, _ = data.partition(b"\n")
    return line if len(line) >= _HEAD_BYTES else data[:_HEAD_BYTES]


def _require_no_run(folder: Path) -> None:
    if is_file(folder / RECORD):
        raise ValueError(f"{folder} is the folder of a run, which would be damaged. Choose another folder with --out.")


def _require_no_result(path: Path) -> None:
    real = real_path(path)
    for folder in (real, *real.parents):
        if folder.name == _JOBS and is_file(folder.parent / _MARKER):
            raise ValueError(f"{folder} holds the results of a store, which is not written into. Choose another --out.")


def _names_of_report(folder: Path) -> set[str]:
    """The files that an about.json names, with itself; none where there is no about.json."""
    if not is_file(folder / ABOUT):
        return set()
    try:
        stored = parse_strictly(read_bytes(folder / ABOUT))
    except (OSError, ValueError):
        return {ABOUT}
    names = stored.get("files") if isinstance(stored, dict) else None
    return {ABOUT, *(names if isinstance(names, list) else ())}
