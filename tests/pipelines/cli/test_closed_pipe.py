"""A reader that leaves (`2>&1 | head -1`) ends no run and leaves none that failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.closed_pipe import going_on, leave_pipe
from tests.conftest import ROOT


def test_what_nobody_reads_is_lost_and_nothing_else_happens() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w", buffering=1) as stream:
        said = going_on(stream)
        assert (said.write("one\n"), os.read(read, 10)) == (4, b"one\n")
        os.close(read)
        for _ in range(2):
            said.write("two\n")
            said.flush()
        assert said.isatty() is False


CLOSED = """
import os, sys
for number in {closed}: os.close(number)
os.execv(sys.executable, [sys.executable, "-m", "pipelines.cli.main", *sys.argv[1:]])
"""


@pytest.mark.parametrize(("closed", "code"), [((1,), 1), ((2,), 0), ((1, 2), 1), ((0, 1, 2), 1), ((0,), 0)], ids=str)
def test_with_closed_streams_a_command_ends_as_ever_or_says_by_its_code_that_nothing_was_printed(
    closed: tuple[int, ...], code: int
) -> None:
    command = [sys.executable, "-c", CLOSED.format(closed=closed), "models"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert bool(ended.stdout) == (1 not in closed)
    refused = subprocess.run([*command, "--nonsense"], check=False, capture_output=True, text=True, cwd=ROOT)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)


def test_leaving_a_pipe_keeps_no_file_open() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        n_open = len([*Path("/dev/fd").iterdir()])
        leave_pipe(stream)
        stream.write("said to nobody")
        stream.flush()
        assert len([*Path("/dev/fd").iterdir()]) == n_open


def test_a_run_goes_on_after_its_reader_has_left(
    circuits: Callable[..., Any], spawn: Callable[..., Any], tiny: Any
) -> None:
    process = spawn(*tiny.arguments, "--method", "eap", "--edges", "20", "--name", "mine")
    assert "looking up" in process.stderr.readline()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(120) == 1  # the table could not be printed
    process.stdout = process.stderr = None
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["is_finished"], state["error"]) == (True, None)
