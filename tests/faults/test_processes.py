"""A sample of the bad inputs as a user gives them: in a process of its own, judged by its exit code and its stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.campaign import KINDS
from tests.faults.sound import Sound
from tests.faults.trial import LIMIT_S, Said, Trial, judged
from tests.pipelines.conftest import ROOT

# Kinds whose surroundings are of this process alone are left out.
PER_KIND = {"command lines": 17, "settings files": 9, "prompt files": 8, "images": 4, "model folders": 8, "stores": 8}


def in_a_process(trial: Trial, folder: Path) -> Said:
    """What a command says."""
    folder.mkdir(parents=True)
    trial.prepare(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", *trial.arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    stderr = ended.stderr.decode("utf-8", "replace")
    return Said(ended.returncode, stderr, "a traceback" if "Traceback" in stderr else "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", PER_KIND)
def test_a_bad_input_in_a_process_gives_a_clear_error_or_what_is_right(inputs: Sound, tmp_path: Path, kind: str):
    trials = list(KINDS[kind](inputs))
    chosen = trials[3 :: len(trials) // PER_KIND[kind]][: PER_KIND[kind]]
    assert len(chosen) == PER_KIND[kind]
    wrong = []
    for number, trial in enumerate(chosen):
        folder = tmp_path / str(number)
        said = in_a_process(trial, folder)
        outcome, why = judged(trial, said, folder)
        wrong += [(str(trial), why, said.stderr[-400:])] if outcome == "wrong" else []
    assert not wrong


def test_a_process_is_judged_as_a_user_would(inputs: Sound, tmp_path: Path):
    assert sum(PER_KIND.values()) >= 50
    said = in_a_process(Trial("kind", "name", ["discover", "oii"], names=("oii",)), tmp_path / "bad")
    assert (said.exit_code, said.crash) == (2, "")
    assert "Did you mean 'ioi'" in said.stderr
