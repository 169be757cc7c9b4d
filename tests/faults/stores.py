"""Damaged stores: each file cut, changed, emptied, or replaced by what is no file; then the command again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.sound import Sound
from tests.faults.trial import Trial

KIND = "stores"


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    files = sorted(path.relative_to(sound.runs) for path in sound.runs.rglob("*") if path.is_file())
    digests = run_digests(sound.runs / sound.run)
    for number, file in enumerate(files):
        for name, damage in DAMAGES.items():
            yield _again(sound, f"{file}: {name}", _damaging(file, damage), digests)
        for name, make in REPLACED.items():
            # A pipe or a folder in place of a file is put there by somebody: it may be named instead of replaced.
            yield _again(sound, f"{file}: {name}", _replacing(file, make), digests, must=False)
        for command in (["export", sound.run, "--to", "json", "--out", "-"], ["status"], ["show", f"runs/{file}"]):
            damage = list(DAMAGES)[number % len(DAMAGES)]
            yield _read(sound, f"{command[0]} after {file}: {damage}", command, _damaging(file, DAMAGES[damage]))
        if file.suffix == ".npz" and file.parts[0] == "jobs":
            yield from _begun(sound, file, digests)


def _begun(sound: Sound, file: Path, digests: dict[str, str]) -> Iterator[Trial]:
    """A job that was begun, and what is kept of it damaged: it is computed from its beginning, and nothing stays."""
    partial = file.with_suffix(".partial")
    for name, damage in DAMAGES.items():

        def leave(runs: Path, damage: Callable[[bytes], bytes] = damage) -> None:
            (runs / file).rename(runs / partial)
            _damaging(partial, damage)(runs)

        yield _again(sound, f"{partial}: {name}", leave, digests, gone=partial)
    yield _again(
        sound,
        f"{partial}: beside its result",
        lambda runs: _write(runs / partial, (runs / file).read_bytes()),
        digests,
        gone=partial,
    )
    for name, make in REPLACED.items():
        yield _again(sound, f"{partial}: {name}", lambda runs, make=make: make(runs / partial), digests, must=False)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def run_digests(folder: Path) -> dict[str, str]:
    """File of a run -> hash of its content."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _again(
    sound: Sound,
    name: str,
    damage: Callable[[Path], object],
    digests: dict[str, str],
    *,
    must: bool = True,
    gone: Path | None = None,
) -> Trial:
    """The command that made the run, on the damaged store: the same bytes, and no file `gone` beside its result."""

    def prepare(folder: Path) -> None:
        sound.copy_runs(folder)
        damage(folder / "runs")

    def check(folder: Path) -> str | None:
        found = run_digests(folder / "runs" / sound.run)
        differ = [file for file, digest in digests.items() if found.get(file) != digest]
        if gone is not None and (place := folder / "runs" / gone).exists() and place.with_suffix(".npz").exists():
            return f"{gone} is left"
        return f"differs: {', '.join(differ)}" if differ else None

    return Trial(KIND, name, sound.discover(), prepare, ("runs",), "restored" if must else "either", check)


def _read(sound: Sound, name: str, command: list[str], damage: Callable[[Path], None]) -> Trial:
    """A command that only reads: what it needs and finds damaged it names, and everything else it takes."""

    def prepare(folder: Path) -> None:
        sound.copy_runs(folder)
        damage(folder / "runs")

    return Trial(KIND, name, command, prepare, ("runs",), "either")


def _damaging(file: Path, damage: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        (runs / file).write_bytes(damage((runs / file).read_bytes()))

    return change


def _replacing(file: Path, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        (runs / file).unlink()
        make(runs / file)

    return change


def _flipped(data: bytes) -> bytes:
    dice, changed = random.Random(len(data)), bytearray(data)
    for _ in range(3):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _bomb(_: bytes) -> bytes:
    """A zip archive that holds a thousand times what it weighs, with the header of an array of terabytes."""
    kept = io.BytesIO()
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + "\n"
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        archive.writestr("zeros.npy", bytes(50_000_000))
    return kept.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "bits flipped": _flipped,
    "longer": lambda data: data + b"more",
    "zeros": lambda data: bytes(len(data)),
    "another text": lambda data: json.dumps({"format": "x"}).encode(),
    "deep": lambda data: b"[" * 100_000,
    "a zip bomb": _bomb,
}
REPLACED: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link in a circle": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
