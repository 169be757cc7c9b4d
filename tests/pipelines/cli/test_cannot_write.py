"""A finished run is read, reported and exported where nothing can be written any more."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SIZE_MB = 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, which the root user can make read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", folder]
        made = subprocess.run(command, check=False, capture_output=True)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def fill(disk: Path) -> None:
    with (disk / "full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0


@pytest.mark.parametrize("spoil", [make_read_only, fill])
def test_what_is_finished_is_shown_again_and_exported(
    circuits: Command, tiny: Any, disk: Path, spoil: Callable[[Path], None]
):
    store = disk / "runs"
    command = [*tiny.arguments, "--method", "eap", "--edges", "9", "--runs", store, "--json"]
    first = circuits(*command).json
    spoil(disk)
    again = circuits(*command)
    assert again.exit_code == 0, again.stderr
    assert again.json["jobs"]["computed"] == 0
    assert again.json["faithfulness"] == first["faithfulness"]
    assert circuits("status", "--runs", store, "--json").json["runs"][0]["is_finished"]
    run = first["run"]
    assert circuits("export", run, "--runs", store, "--to", "json", "--out", "mine.json").exit_code == 0
    assert circuits("report", run, "--runs", store, "--to", "markdown", "--out", "document").exit_code == 0
    refused = circuits(*tiny.arguments, "--method", "eap", "--edges", "8", "--runs", store)
    assert refused.exit_code == 2
    assert "cannot write" in refused.stderr
    assert "Choose another" in refused.stderr


def test_files_of_a_report_that_would_differ_are_named(circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch):
    command = [*tiny.arguments, "--method", "eap", "--edges", "9", "--json"]
    run = circuits(*command).json["run"]
    summary = Path("runs") / run / "summary.json"
    older = summary.read_bytes() + b"\n"
    summary.write_bytes(older)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("circuits.files.replace_file", full)
        again = circuits(*command)
        assert again.exit_code == 0, again.stderr
        assert again.json["run"] == run
        assert summary.read_bytes() == older
        (Path("runs") / run / "graph.json").unlink()
        assert circuits(*command).exit_code == 2
    assert circuits(*command).exit_code == 0
    assert summary.read_bytes() == older[:-1]


def test_files_that_are_the_same_are_not_written_again(circuits: Command, tiny: Any):
    command = [*tiny.arguments, "--method", "eap", "--edges", "9", "--json"]
    folder = Path("runs") / circuits(*command).json["run"]
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    circuits(*command)
    assert {path: path.stat().st_ino for path in folder.iterdir()} == before
