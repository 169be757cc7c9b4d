"""A script that starts workers without a guard is told so in a few lines, and one with a guard runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import ROOT

CALL = "run = discover({prompts!r}, model={model!r}, method='eap', edges=9, prompts_per_job=4, workers=1, out='runs')"


def script(folder: Path, tiny: Any, *, guard: str = "") -> Path:
    call = CALL.format(prompts=str(tiny.prompts), model=str(tiny.model))
    lines = ["from pipelines import discover", *([guard] if guard else []), f"{'    ' if guard else ''}{call}"]
    path = folder / "script.py"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(path: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, path.name],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_script_without_a_guard_is_told_in_a_few_lines(tiny: Any, tmp_path: Path):
    ended = run(script(tmp_path, tiny))
    assert ended.returncode == 1
    (said,) = ended.stderr.strip().splitlines()
    assert said.startswith("ValueError: line 2 of ")
    assert "script.py starts workers, which import the script" in said
    assert 'under `if __name__ == "__main__":` in the script' in said


def test_other_errors_of_such_a_script_end_as_ever(tiny: Any, tmp_path: Path):
    path = script(tmp_path, tiny)
    call = path.read_text().splitlines()[-1]
    path.write_text(
        f"from pipelines import discover\ntry:\n    {call}\nexcept ValueError:\n    pass\nraise OSError('no')\n"
    )
    ended = run(path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert ended.stderr.splitlines()[-1] == "OSError: no"


@pytest.mark.slow
def test_a_script_with_a_guard_computes_on_workers(tiny: Any, tmp_path: Path):
    ended = run(script(tmp_path, tiny, guard='if __name__ == "__main__":'))
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.glob("runs/*/run.json"))
