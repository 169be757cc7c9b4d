"""Files that users name, read and replaced only where they are files: no pipe waits, no device node is written over."""

from __future__ import annotations

import contextlib
import errno
import itertools
import mimetypes
import os
import stat
import uuid
from io import BufferedReader
from pathlib import Path

from circuits.lookup import meant_instead, nearest
from circuits.visible_text import typed_text

# Of formats that the standard library does not know.
_ENDINGS = frozenset(
    (".cyjs", ".eps", ".gexf", ".graphml", ".gv", ".md", ".parquet", ".tex", ".tikz", ".webp", ".xlsx", ".yaml", ".yml")
)
# How like another file's name has to be to have been meant, and of how many in the folder one is looked for.
_LIKENESS, _MOST_LOOKED_AT = 0.75, 10_000
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def path_from(given: object, what: str) -> Path:
    """A path that was given, of `what`. ValueError for what is none."""
    if isinstance(given, str | os.PathLike) and "\0" not in (path := os.fsdecode(given)):
        return Path(path)
    raise ValueError(f"{what} is given by its path; found {typed_text(given)}.")


def open_file(path: Path) -> BufferedReader:
    """The file at a path, open for reading; links are followed.

    Raises an OSError for what is no file, at once: opening a pipe that nobody writes to would wait forever, and a
    device may never end.
    """
    # Of a pipe, opening without waiting returns at once; of a file, it changes nothing.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        instead = "" if stat.S_ISDIR(mode) else "; save what it gives in a file"
        raise OSError(errno.EINVAL, f"it is {_kind(mode)}, not a file{instead}", str(path))
    return os.fdopen(handle, "rb")


def read_bytes(path: Path) -> bytes:
    """The content of the file at a path. OSError where it cannot be read or is no file."""
    with open_file(path) as stream:
        return stream.read()


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text in the file at a path, its line ends as `\\n`. OSError as for `read_bytes`, UnicodeDecodeError for other
    encodings."""
    return read_bytes(path).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def reading_fault(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read as text, for a message that names it.

    >>> from circuits.files import reading_fault
    >>> reading_fault(FileNotFoundError(2, "No such file or directory", "a.yaml"))
    'No such file or directory'
    """
    if isinstance(error, UnicodeDecodeError):
        return f"it is no text in UTF-8 (byte {error.start}); save it as UTF-8"
    return error.strerror or str(error)


def unreadable(path: Path, error: OSError | UnicodeDecodeError, what: str) -> str:
    """The message for a file that a user named and that cannot be read: why, and which one may have been meant.

    what  it is called: `the prompt file`
    """
    meant = _meant(path) if isinstance(error, FileNotFoundError) else None
    hint = meant_instead([] if meant is None else [str(path.parent / meant)])
    return f"cannot read {what} {path}: {reading_fault(error)}.{hint}"


def _meant(path: Path) -> str | None:
    """The name of a file in the same folder that is much like that of a file which is not there."""
    try:
        with os.scandir(path.parent) as entries:
            there = [entry.name for entry in itertools.islice(entries, _MOST_LOOKED_AT) if entry.is_file()]
    except (OSError, ValueError):
        return None
    return nearest(path.name, there, likeness=_LIKENESS)


def is_file(path: Path) -> bool:
    """Whether there is a file; False for names that no file can have, which are too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; False for names that none can have, which are too long."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file_name(path: str | Path) -> bool:
    """Whether a name ends as files of some format do: `circuit.svg`, and not `circuit` or `circuit.v2`."""
    ending = Path(path).suffix.lower()
    return ending in _ENDINGS or ending in mimetypes.types_map


def real_path(path: Path) -> Path:
    """Where a path leads; the path itself where its links lead in a circle, of which there is no other."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def portable(path: str | Path) -> str:
    """A path as files tell it that others read: from the folder where this runs, where it lies below; else its name.

    The folders above are of one machine, and often hold the name of who uses it. What a command would take for an
    option begins with `./`.

    >>> from pathlib import Path
    >>> from circuits.files import portable
    >>> portable(Path("pairs") / "own.jsonl"), portable("/home/somebody/pairs/own.jsonl")
    ('pairs/own.jsonl', 'own.jsonl')
    """
    given = Path(path)
    for form in (Path.absolute, real_path):
        if (place := form(given)).is_relative_to(here := form(Path())):
            own = place.relative_to(here)
            if ".." not in own.parts:
                return no_option(own.as_posix())
    return no_option(given.name if given.name not in ("", "..") else real_path(given).name)


def from_here(path: str | Path) -> Path:
    """A path as messages tell it: from the folder where this runs, where that is shorter than the whole of it.

    >>> from pathlib import Path
    >>> from circuits.files import from_here
    >>> from_here(Path("pairs/own.csv").absolute()).as_posix(), from_here("../own.csv").as_posix()
    ('pairs/own.csv', '../own.csv')
    """
    whole = Path(path).absolute()
    try:
        relative = os.path.relpath(whole)
    except ValueError:  # on another drive
        return whole
    return Path(relative) if len(relative) < len(str(whole)) else whole


def no_option(path: str) -> str:
    """A path as commands take it: with `./` before what begins with a hyphen.

    >>> from circuits.files import no_option
    >>> no_option("-own.jsonl"), no_option("own.jsonl")
    ('./-own.jsonl', 'own.jsonl')
    """
    return f"./{path}" if path.startswith("-") else path


def replace_file(path: Path, data: bytes, *, survives_power_cut: bool = True) -> None:
    """Write `data` so that `path` holds all of it or what it held before, even after a power cut; folders are made.

    survives_power_cut  False for what is of little worth: without it, writing takes a fraction of a millisecond

    A file that stands there keeps its permissions. OSError where that cannot be written, and where something else
    stands there: a link, whose target would be left as it is, a device node, a pipe or a folder.
    """
    kept_mode = _mode_of_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            if kept_mode is not None:
                temporary.chmod(kept_mode)
            file.write(data)
            if survives_power_cut:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(path: Path, data: bytes, *, survives_power_cut: bool = True) -> None:
    """`replace_file`, with a ValueError that says what could not be written."""
    try:
        replace_file(path, data, survives_power_cut=survives_power_cut)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}. Choose another place.") from None


def _mode_of_file(path: Path) -> int | None:
    """The permissions of the file at a path; None where nothing is there, OSError for what is no file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {_kind(mode)}, not a file; give the name of a file", str(path))
    return stat.S_IMODE(mode)


def _kind(mode: int) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
