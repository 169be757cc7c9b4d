"""Commands that compute say so in the store while they do, and no longer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.engine.heartbeat import Heartbeat, Running, running_in
from pipelines.engine.store import Store

PATTERN = ".running.*.json"


def test_a_command_is_listed_while_it_computes(tmp_path: Path):
    assert running_in(tmp_path) == []
    with Heartbeat([Store(tmp_path), Store(tmp_path)]) as heartbeat:
        heartbeat.beat("run mine", 0.25, None)
        assert running_in(tmp_path) == [Running("run mine", 0.25, None)]
        heartbeat.beat("run other", 0.5, 3600.0)
        (running,) = running_in(tmp_path)
        assert running.left_s == pytest.approx(3600, abs=60)
    assert running_in(tmp_path) == []
    assert list(tmp_path.glob(PATTERN)) == []


def test_it_ends_with_an_error_as_well(tmp_path: Path):
    def interrupted() -> None:
        with Heartbeat([Store(tmp_path)]) as heartbeat:
            heartbeat.beat("run mine", 0.0, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.glob(PATTERN)) == []


def left_behind(folder: Path, **changes: object) -> Path:
    """The file of a command, as it stays where the command was killed."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    found = {"owner": "run other", "share": 0.5, "left_s": 10.0, "at": time.time()}
    found |= {"pid": process.pid, "host": socket.gethostname(), "started": 1.0}
    path = folder / ".running.0.json"
    path.write_text(json.dumps(found | changes))
    return path


def test_a_file_whose_process_is_gone_does_not_count_and_is_removed_by_the_next_command(tmp_path: Path):
    path = left_behind(tmp_path)
    assert running_in(tmp_path) == []
    with Heartbeat([Store(tmp_path)]):
        assert not path.exists()


def test_a_later_process_of_the_same_number_does_not_count(tmp_path: Path):
    left_behind(tmp_path, pid=os.getpid(), started=1.0)
    assert running_in(tmp_path) == []


def test_on_another_host_a_file_counts_while_it_is_touched(tmp_path: Path):
    path = left_behind(tmp_path, host="elsewhere.example")
    assert [running.owner for running in running_in(tmp_path)] == ["run other"]
    os.utime(path, (0, 0))
    assert running_in(tmp_path) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"owner": "x"}'])
def test_a_damaged_file_is_passed_over(tmp_path: Path, content: str):
    (tmp_path / ".running.0.json").write_text(content)
    assert running_in(tmp_path) == []


def test_a_store_that_is_gone_stops_nothing(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with Heartbeat([Store(blocked)]) as heartbeat:
        heartbeat.beat("run mine", 0.0, None)
