"""`circuits doctor --plan`: what it says of settings is what the run does; the line and the refusal before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.forecast import forecast, line
from pipelines.forecast.probe import Speed

pytestmark = pytest.mark.usefixtures("bundled_once")

Command = Callable[..., Any]
INDUCTION = "task: induction\nprompts: 4\n"
FILES = {
    "estimate": ("discover", INDUCTION + "method: eap\nedges: 20\n"),
    "components": ("discover", INDUCTION + "method: activation-patching\nnodes: 4\n"),
    "held-out": ("discover", INDUCTION + "method: eap\nedges: 20\njudge_on: held-out\nprompts_per_job: 2\n"),
    "curve": ("discover", INDUCTION + "method: eap-ig\nsettings: {steps: 2}\nedges: 20\ncurve: true\nablation: mean\n"),
    "trace": ("trace", INDUCTION + "settings: {kinds: [mlp, head]}\n"),
    "paths": ("discover", INDUCTION + "method: path-patching\nnodes: 4\n"),
    "direct": ("discover", INDUCTION + "method: direct-effect\nnodes: 4\n"),
    "conductance": ("discover", INDUCTION + "method: ceap\nedges: 20\n"),
    "pruned": ("discover", INDUCTION + "method: acdc\nsettings: {tau: 0.5}\n"),
    "mask": ("discover", INDUCTION + "method: mask-learning\nsettings: {steps: 2}\nedges: 20\n"),
    "codes": ("discover", INDUCTION + "method: head-coding\nsettings: {epochs: 2, least_accuracy: 0}\nnodes: 4\n"),
    "code-pairs": ("discover", INDUCTION + "method: code-pairs\nsettings: {epochs: 2, least_accuracy: 0}\nedges: 9\n"),
    "stages-of-paths": ("discover", INDUCTION + "method: staged-path-patching\n"),
}
# Long ones, whose jobs are made and forecast as those of others here: checked with the slow tests.
LIKE_OTHERS = ("components", "held-out", "paths", "direct", "conductance", "pruned", "mask", "code-pairs")
# What runs the model or learns, or scores what did, in these plans: the first words of stages' names.
MEASURE = ("measure", "trace", "features", "autoencoders", "codes", "code-scores", "staged-paths")
# What chooses by what was read already, and has neither batches nor a model that runs.
READS = ("staged-paths-found",)


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
    measuring = [kind for kind in planned["kinds"] if kind["stage"].startswith(MEASURE) and kind["stage"] not in READS]
    assert measuring
    assert all(kind["peak_bytes"] and kind["seconds"] > 0 for kind in measuring)
    assert planned["seconds_without"] == []
    run = circuits(command, "--config", file, "--json")
    assert run.exit_code == 0, run.stderr
    assert run.json["jobs"] == {"total": planned["jobs"], "computed": planned["jobs"]}
    assert "forecast" not in run.stderr  # seconds, and little memory
    after = circuits(*asked).json
    assert (after["jobs"], after["jobs_missing"], after["seconds"]) == (planned["jobs"], 0, 0)
    shown = circuits(*asked[:-1]).stdout
    assert shown.rstrip().endswith("Nothing that runs a model is left to compute: it takes neither time nor memory.")
    assert "Memory:" not in shown


@pytest.mark.parametrize(
    ("command", "more", "stages"),
    [
        ("evaluate", "random: 4\nknockouts: 2\nhypotheses: 30\n", {"random-circuits", "knockouts", "hypothesis-runs"}),
        ("compare", "draws: 2\n", {"transfer"}),
    ],
)
def test_what_is_done_with_finished_runs_is_forecast_too(
    command: str, more: str, stages: set[str], circuits: Command, computed: Command, tmp_path: Path
):
    few = ("--prompts", "4", "--method", "eap", "--edges", "12")
    for made in computed(
        *(("discover", task, *few, "--name", n) for n, task in (("one", "induction"), ("other", "ioi")))
    ):
        assert made.exit_code == 0, made.stderr
    runs = ["one"] if command == "evaluate" else ["one", "other"]
    (tmp_path / "a.yaml").write_text(f"runs: [{', '.join(runs)}]\n{more}")
    asked = ("doctor", "--plan", "a.yaml", "--command", command, "--json")
    before = circuits(*asked)
    assert before.exit_code == 0, before.stderr
    planned = before.json
    to_do = {kind["stage"]: kind for kind in planned["kinds"] if kind["jobs_missing"]}
    assert stages <= to_do.keys()
    assert all(to_do[stage]["peak_bytes"] and to_do[stage]["seconds"] > 0 for stage in stages)
    assert planned["seconds_without"] == []
    options = [f"--{line.replace(': ', '=')}" for line in more.splitlines()]
    done = circuits(command, *runs, *options, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json["jobs"] == {"total": planned["jobs"], "computed": planned["jobs_missing"]}
    assert circuits(*asked).json["seconds"] == 0


def test_runs_that_are_not_there_give_the_error_of_the_command(circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text("runs: [nothing]\n")
    of_plan = circuits("doctor", "--plan", "a.yaml", "--command", "evaluate")
    of_run = circuits("evaluate", "nothing")
    errors = [[said for said in answer.stderr.splitlines() if "error:" in said] for answer in (of_plan, of_run)]
    assert of_plan.exit_code == 2
    assert errors[0] == errors[1]
    assert errors[0]


def test_the_table_says_what_fits_and_what_was_probed(circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1])
    answer = circuits("doctor", "--plan", "a.yaml")
    assert answer.exit_code == 0
    assert "measure eap" in answer.stdout
    assert "Probe: 4 prompts of" in answer.stdout
    assert answer.stdout.rstrip().endswith("it fits.")
    assert "without loading the model." in " ".join(answer.stdout.split())


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
    assert "Known: " in circuits("doctor", "--plan", "a.yaml", "--command", "tasks").stderr
    assert "Known: " in circuits("doctor", "--plan", "a.yaml", "--command", "").stderr
    assert "give --plan FILE as well" in circuits("doctor", "--command", "trace").stderr


@pytest.mark.parametrize("place", ["device: cuda:31\n", "device: gpu\n", "gpus: true\n"])
def test_a_device_that_is_not_there_gives_the_error_of_the_run(
    place: str, circuits: Command, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1] + place)
    of_plan, of_run = circuits("doctor", "--plan", "a.yaml"), circuits("discover", "--config", "a.yaml")
    assert (of_plan.exit_code, of_plan.stdout) == (2, "")
    assert "loading the model" not in of_plan.stderr
    (said,) = [text for text in of_plan.stderr.splitlines() if "error:" in text]
    assert said in of_run.stderr


def test_of_a_cluster_neither_memory_nor_speed_is_known(circuits: Command, tmp_path: Path):
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1] + "scheduler: tcp://127.0.0.1:1\ndevice: cuda\n")
    planned = circuits("doctor", "--plan", "a.yaml")
    assert planned.exit_code == 0, planned.stderr
    said = " ".join(planned.stdout.split())
    assert "as many at a time as the cluster has" in said
    assert "Time: not forecast." in said
    assert "What the workers of the cluster have is not known here" in said
    assert "it fits" not in said
    values = circuits("doctor", "--plan", "a.yaml", "--json").json
    assert [values[name] for name in ("free_bytes", "at_once", "fits", "seconds")] == [None] * 4
    assert values["peak_bytes"] > 0


def test_all_worker_processes_count_together(circuits: Command, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(forecast, "free_memory", lambda: 20_000_000_000)
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1] + "workers: 1000\n")
    many = circuits("doctor", "--plan", "a.yaml", "--json")
    assert many.exit_code == 1
    planned = many.json
    n_busy = sum(kind["jobs_missing"] for kind in planned["kinds"])
    together = n_busy * planned["peak_bytes"] + (1000 - n_busy) * 70e6
    assert planned["processes_peak_bytes"] == pytest.approx(together, rel=1e-6)
    n_fit = planned["side_by_side"]
    assert n_fit == 20_000_000_000 // planned["peak_bytes"]
    assert f"use --workers {n_fit} " in planned["advice"]
    assert "GB in all 1000 processes" in " ".join(circuits("doctor", "--plan", "a.yaml").stdout.split())
    (tmp_path / "a.yaml").write_text(FILES["estimate"][1] + f"workers: {n_fit}\n")
    assert circuits("doctor", "--plan", "a.yaml").exit_code == 0


def test_of_many_prompts_a_sample_is_made(circuits: Command, tmp_path: Path, monkeypatch):
    # A speed that is the same for both.
    monkeypatch.setattr("pipelines.forecast.probe.probe", lambda *_: Speed(1e9, 1e9, 8, 20, 0.1))
    text = FILES["estimate"][1].replace("prompts: 4", "prompts: 10000")
    (tmp_path / "a.yaml").write_text(text)
    many = circuits("doctor", "--plan", "a.yaml", "--json")
    assert many.exit_code == 0, many.stderr
    assert "making 256 of 10,000 prompts, whose lengths stand for all" in many.stderr
    (tmp_path / "a.yaml").write_text(text.replace("10000", "250"))
    few = circuits("doctor", "--plan", "a.yaml", "--json")
    assert "prompts, whose lengths" not in few.stderr

    def seconds_of_measuring(planned: dict[str, Any]) -> float:
        (measured,) = [kind for kind in planned["kinds"] if kind["stage"] == "measure"]
        return measured["seconds"]

    # But for what each batch takes, of which many prompts have fewer.
    assert seconds_of_measuring(many.json) == pytest.approx(40 * seconds_of_measuring(few.json), rel=0.1)


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
    assert circuits("status", "--json").json["runs"] == []


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
