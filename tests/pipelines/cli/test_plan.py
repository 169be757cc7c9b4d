"""`circuits doctor --plan`: what it says of settings is what the run does; the line and the refusal before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.forecast import forecast, line

Command = Callable[..., Any]
INDUCTION = "task: induction\nprompts: 8\n"
FILES = {
    "estimate": ("discover", INDUCTION + "method: eap\nedges: 20\n"),
    "components": ("discover", INDUCTION + "method: activation-patching\nnodes: 4\n"),
    "held-out": ("discover", INDUCTION + "method: eap\nedges: 20\njudge_on: held-out\nprompts_per_job: 2\n"),
    "curve": ("discover", INDUCTION + "method: eap-ig\nsettings: {steps: 2}\nedges: 20\ncurve: true\nablation: mean\n"),
    "trace": ("trace", INDUCTION),
    "paths": ("discover", INDUCTION + "method: path-patching\nnodes: 4\n"),
    "direct": ("discover", INDUCTION + "method: direct-effect\nnodes: 4\n"),
    "conductance": ("discover", INDUCTION + "method: ceap\nedges: 20\n"),
    "pruned": ("discover", INDUCTION + "method: acdc\nsettings: {tau: 0.5}\n"),
    "mask": ("discover", INDUCTION + "method: mask-learning\nsettings: {steps: 2}\nedges: 20\n"),
    "codes": ("discover", INDUCTION + "method: head-coding\nsettings: {epochs: 2, least_accuracy: 0}\nnodes: 4\n"),
}
# Their jobs are those of other methods here.
LIKE_OTHERS = ("direct", "conductance", "mask")
# What measures in these plans.
MEASURE = ("measure", "trace", "features", "autoencoders", "codes")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LIKE_OTHERS else name for name in FILES]
)
def test_the_jobs_of_a_plan_are_those_of_the_run(name: str, circuits: Command, tmp_path: Path):
    command, text = FILES[name]
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    asked = ("doctor", "--plan", file, "--command", command, "--json")
    before = circuits(*asked)
    assert before.exit_code == 0, before.stderr
    assert not (tmp_path / "runs").exists()
    planned = before.json
    assert planned["jobs_missing"] == planned["jobs"]
    measuring = [kind for kind in planned["kinds"] if kind["stage"] in MEASURE]
    assert measuring
    assert all(kind["peak_bytes"] and kind["seconds"] > 0 for kind in measuring)
    run = circuits(command, "--config", file, "--json")
    assert run.exit_code == 0, run.stderr
    assert run.json["jobs"] == {"total": planned["jobs"], "computed": planned["jobs"]}
    assert "forecast" not in run.stderr  # seconds, and little memory
    after = circuits(*asked).json
    assert (after["jobs"], after["jobs_missing"], after["seconds"]) == (planned["jobs"], 0, 0)


def test_the_table_says_what_fits_and_what_was_probed(circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1])
    answer = circuits("doctor", "--plan", "a.yaml")
    assert answer.exit_code == 0
    assert "measure eap" in answer.stdout
    assert "Probe: 8 prompts of" in answer.stdout
    assert answer.stdout.rstrip().endswith("it fits.")


@pytest.mark.parametrize(
    "text", ["task: induction\nmethod: eapp\n", "task: induction\npromts: 8\n", "method: eap\n", "task: [a\n"]
)
def test_bad_settings_give_the_error_of_the_run(text: str, circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text(text)
    of_plan, of_run = circuits("doctor", "--plan", "a.yaml"), circuits("discover", "--config", "a.yaml")
    assert (of_plan.exit_code, of_plan.stdout) == (2, "")
    errors = [[said for said in answer.stderr.splitlines() if "error:" in said] for answer in (of_plan, of_run)]
    assert errors[0] == errors[1]
    assert errors[0]


def test_a_command_without_settings_files_and_one_without_a_plan_are_refused(circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1])
    assert "Known: " in circuits("doctor", "--plan", "a.yaml", "--command", "compare").stderr
    assert "give --plan FILE as well" in circuits("doctor", "--command", "trace").stderr


def test_what_cannot_fit_is_refused_before_anything_is_measured(circuits: Command, tmp_path: Path, monkeypatch):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1])
    monkeypatch.setattr(forecast, "free_memory", lambda: 100_000_000)
    planned = circuits("doctor", "--plan", "a.yaml")
    assert planned.exit_code == 1
    assert "not even one fits. Use --dtype bfloat16, shorter prompts, a smaller model" in planned.stdout
    answer = circuits("discover", "--config", "a.yaml")
    assert answer.exit_code == 2
    assert "with one prompt at a time, and cpu has 0.1 GB free: use --dtype bfloat16, shorter prompts" in answer.stderr
    assert "forward" not in answer.stderr
    status = circuits("status", "--json").json
    assert not status["runs"]


def test_one_line_comes_before_what_takes_much_memory_or_long(circuits: Command, tmp_path: Path, monkeypatch):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1])
    monkeypatch.setattr(line, "_LONG_S", 0)
    first = circuits("discover", "--config", "a.yaml")
    assert first.exit_code == 0, first.stderr
    (said,) = [text for text in first.stderr.splitlines() if ": forecast: " in text]
    assert "peak memory 0." in said
    assert "about " in said
    # Once all is stored there is nothing to forecast.
    assert "forecast: " not in circuits("discover", "--config", "a.yaml").stderr
    monkeypatch.setattr(line, "_LONG_S", 60)
    monkeypatch.setattr(forecast, "free_memory", lambda: 1_000_000_000)
    much = circuits("discover", "--config", "a.yaml", "--seed", "1")
    assert much.exit_code == 0, much.stderr
    assert "1.0 GB of cpu are free" in much.stderr
