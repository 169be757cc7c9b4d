"""A reader that leaves (`2>&1 | head -1`) ends no run and leaves none that failed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pipelines.cli.closed_pipe import going_on


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
