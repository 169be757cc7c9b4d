"""Two commands that end one run at the same moment: its files are all of one of them, and are read whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines import command, discover, open_run


def test_files_are_all_of_one_command(tmp_path, monkeypatch):
    written = command.write_atomically

    def slowly(path: Path, data: bytes) -> None:
        written(path, data)
        time.sleep(0.02)

    monkeypatch.setattr(command, "write_atomically", slowly)
    for turn in range(5):
        folder = tmp_path / str(turn)
        folder.mkdir()
        files = [{f"{number}.json": f"of {one}".encode() for number in range(4)} for one in range(2)]
        threads = [threading.Thread(target=command._write, args=(folder, each)) for each in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert found in files


def test_a_mark_that_was_left_behind_goes(tmp_path):
    gone = {"host": socket.gethostname(), "pid": 0, "started": None}
    (tmp_path / ".writing.lock").write_text(json.dumps(gone))
    files = {"a.json": b"{}"}
    (tmp_path / "a.json").write_bytes(b"{}")
    command._write(tmp_path, files)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.fixture
def run(tmp_path) -> Any:
    return discover("ioi", prompts=8, edges=30, out=tmp_path / "runs")


def rewrite(folder: Path) -> None:
    """As another command does that asked for the same with other words."""
    summary, record = (json.loads((folder / name).read_text()) for name in ("summary.json", "run.json"))
    data = json.dumps(summary | {"warnings": ["of another"]}).encode()
    record["files"]["summary.json"] = hashlib.sha256(data).hexdigest()
    (folder / "summary.json").write_bytes(data)
    (folder / "run.json").write_text(json.dumps(record))


def test_a_run_that_was_opened_before_is_read_as_it_is_now(run):
    opened = open_run(run.folder)
    rewrite(run.folder)
    assert opened.summary["warnings"] == ["of another"]


def test_a_run_that_is_being_written_is_waited_for(run, tmp_path):
    from pipelines.runs.writing import written_alone

    opened, other = open_run(run.folder), shutil.copytree(run.folder, tmp_path / "other")
    rewrite(other)

    def write() -> None:
        with written_alone(run.folder):
            shutil.copy(other / "summary.json", run.folder)
            is_half.set()
            time.sleep(0.3)
            shutil.copy(other / "run.json", run.folder)

    is_half = threading.Event()
    thread = threading.Thread(target=write)
    thread.start()
    is_half.wait()
    assert opened.summary["warnings"] == ["of another"]
    thread.join()


def test_a_damaged_file_is_still_refused(run):
    opened = open_run(run.folder)
    (run.folder / "summary.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match="does not match its hash"):
        _ = opened.summary
