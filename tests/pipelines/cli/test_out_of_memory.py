"""A batch that does not fit is halved, and the command line says so while the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

# The command, in a process in which no three prompts can be recorded at once.
COMMAND = """
import sys
from circuits.model.forward import Forward
record = Forward.record
def limited(self, ids, *rest, **options):
    if len(ids) > 2:
        raise MemoryError
    return record(self, ids, *rest, **options)
Forward.record = limited
from pipelines.cli.main import main
sys.argv = ["circuits", "discover", "induction", "--prompts", "8", "--method", "eap", "--edges", "20"]
main()
"""


def test_the_command_line_says_that_batches_are_halved_and_goes_on(tmp_path: Path):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    said = [text for text in done.stderr.splitlines() if text.startswith("warning: out of memory on cpu")]
    assert said
    assert all("going on with half of them" in text for text in said)
    assert "7 of 7 jobs computed" in done.stdout
