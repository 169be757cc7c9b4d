"""A command that is done ends its process at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

HELD = """
import atexit, sys
import pipelines.cli.main as of_commands
from pipelines.cli.start import main

class Held:
    def __del__(self):
        sys.__stderr__.write("taken apart")

def command(run=of_commands.main):
    atexit.register(lambda: sys.stderr.write("done at exit"))
    {fails} and 1 / 0
    run()

held, of_commands.main = Held(), command
sys.argv = ["circuits", {argument!r}]
main()
"""


@pytest.mark.parametrize(
    ("argument", "fails", "code", "is_at_once"),
    [("--version", False, 0, True), ("--no-such", False, 2, True), ("--version", True, 1, False)],
)
def test_what_is_held_is_not_taken_apart_and_the_exit_code_stays(
    argument: str, fails: bool, code: int, is_at_once: bool
):
    script = HELD.format(argument=argument, fails=fails)
    ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == code
    assert "done at exit" in ended.stderr
    assert ("taken apart" in ended.stderr) is not is_at_once
    assert ("ZeroDivisionError" in ended.stderr) is fails
