"""`circuits view`: what it says, and how it ends."""

from __future__ import annotations

import http.client
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.view.served import write_run

WAIT_S = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_when_told(spawn: Callable[..., Any], tmp_path: Path, number: int):
    write_run(tmp_path / "runs", "ioi-eap-1")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    process = spawn("view", "runs", "--port", "0")
    said = process.stdout.readline()
    (port,) = re.findall(r"^runs is shown at http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)$", said.strip())
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=WAIT_S)
    connection.request("GET", "/")
    assert connection.getresponse().read().startswith(b"<!DOCTYPE html>")
    process.send_signal(number)  # while the browser holds its connection
    assert process.wait(WAIT_S) == 0
    assert process.stderr.read() in ("", "view: at work\n")  # where it takes more than a second to begin
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_port_that_is_taken_is_an_error_with_the_way_out(circuits: Callable[..., Any], tmp_path: Path):
    (tmp_path / "runs").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = circuits("view", "runs", "--port", str(port))
    assert answer.exit_code == 2
    assert answer.stderr == (
        f"error: cannot listen at port {port}: Address already in use. Choose another one with --port; 0 takes a free "
        "one.\n"
    )


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_refused(circuits: Callable[..., Any], tmp_path: Path, port: str):
    (tmp_path / "runs").mkdir()
    assert circuits("view", "runs", "--port", port).exit_code == 2


def test_without_a_folder_there_is_nothing_to_show(circuits: Callable[..., Any], tmp_path: Path):
    (tmp_path / "file").write_text("")
    for folder in ("nothing", "file"):
        answer = circuits("view", folder)
        assert answer.exit_code == 2
        assert f"no folder {folder}." in answer.stderr
