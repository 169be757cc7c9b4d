"""--task-set: settings of a task, checked before anything runs, kept with the run, and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.needle import Needle
from pipelines import open_run
from pipelines.cli.commands import offers
from pipelines.engine.execution import Execution
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.orders.plan import plan as plan_orders
from pipelines.orders.settings import OrdersSettings
from pipelines.runs.first_jobs import FirstJobs, PromptJobs, subject_name, task_name
from pipelines.runs.image_sources import image_task
from pipelines.runs.options import command_line, options_of
from pipelines.runs.settings import RunConfig
from pipelines.runs.task_settings import default_settings, make_task, task_settings
from tests.bundled import bundled
from tests.pipelines.cli.test_bad_input import require_refusal

Command = Callable[..., Any]
ON_A_TASK = [name for name, of in offers().items() if {"task", "profile_task"} & of.settings.model_fields.keys()]
SHORT = {"lengths": [18], "needle": 2, "cue": 2}


def test_a_run_has_the_prompts_of_its_settings_and_is_computed_again_from_its_file(circuits: Command, tmp_path) -> None:
    given = ("--task-set", "length=12", "--prompts", "6", "--edges", "12", "--method", "eap")
    summary = circuits("discover", "induction", *given, "--json").json
    assert summary["task"] == "induction(length=12)"
    assert summary["run"].startswith("induction-eap-")
    run = open_run(summary["run"])
    prompts = TASKS["induction"](length=12).build(bundled("reference").tokenizer, n=6)  # pyright: ignore[reportCallIssue]
    assert run.scores.provenance.prompts_fingerprint == prompts.fingerprint
    again = circuits("discover", "--config", run.folder / "config.yaml", "--json").json
    assert again["jobs"]["computed"] == 0
    circuits("export", summary["run"], "--to", "json", "--out", "circuit.json")
    said = circuits("show", "circuit.json", "--json").json["command"]
    assert "--task-set length=12" in said
    assert circuits("rerun", "circuit.json", "--runs", "again").exit_code == 0
    first, second = (json.loads((tmp_path / name / run.name / "graph.json").read_text()) for name in ("runs", "again"))
    assert first == second


def test_settings_at_their_defaults_leave_every_key_as_it_was() -> None:
    def prompts(**given: Any) -> Any:
        return FirstJobs(RunConfig(task="needle", metric="log-probability-difference", task_settings=given), ()).prompts

    usual = prompts()
    assert "task_settings" not in usual.settings
    assert prompts(cue=1, depths=[0, 0.25, 0.5, 0.75, 1]).key == usual.key
    assert prompts(cue=2).key not in (usual.key, prompts(cue=3).key)
    # The same numbers in another form are the same prompts.
    assert prompts(depths=[0, 1]).key == prompts(depths=(0.0, 1.0)).key


def test_what_is_not_at_its_default_is_in_the_name_the_command_and_reports() -> None:
    config = RunConfig(task="needle", task_settings={**SHORT, "depths": [0, 0.25, 0.5, 0.75, 1]})
    assert task_name(config) == "needle(lengths=[18], needle=2, cue=2)"
    assert subject_name(config) == "needle"
    said = command_line("discover", config)
    assert "--task-set 'lengths=[18]' --task-set needle=2 --task-set cue=2" in said
    assert described_prompts(config)["task_settings"]["cue"] == 2
    assert "task_settings" not in described_prompts(RunConfig(task="needle"))


@pytest.mark.parametrize("name", ON_A_TASK)
def test_every_command_on_a_task_takes_its_settings(name: str) -> None:
    options = {option.name: option for option in options_of(offers()[name].settings)}
    assert (options["task_settings"].flag, options["task_settings"].form) == ("--task-set", "assignments")


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("needle", "cu=2", "no setting of task needle 'cu'. Known: cue, depths, lengths, needle. Did you mean 'cue'?"),
        ("needle", "cue=x", "task 'needle', setting cue: expected a whole number"),
        ("needle", "cue=true", "task 'needle', setting cue: expected a number (got True)"),
        ("needle", "lengths=20", "setting lengths: expected a list, such as [a, b] (got 20)"),
        ("needle", "lengths=[4]", "prompts of 16 or more"),
        ("needle", "cue", "--task-set got 'cue', expected KEY=VALUE"),
        ("needle", "corruption=break", "'corruption' has an option of its own: give it as --corruption"),
        ("needle", "held-out=true", "'held_out' has an option of its own: give it as --held-out"),
        ("ioi", "length=3", "task 'ioi' has no settings; got 'length'"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_model_is_loaded(
    circuits: Command, monkeypatch: pytest.MonkeyPatch, task: str, given: str, said: str
) -> None:
    monkeypatch.setattr("circuits.model.load.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    for command in (["discover"], ["profile"], ["intervene", "edit"], ["effects"]):
        heads = ["--heads", "a1.h0", "--edit", "uniform all"] if command[0] == "intervene" else []
        require_refusal(circuits(*command, task, *heads, "--task-set", given), said)


def test_a_prompt_file_has_no_settings(circuits: Command, tiny: Any) -> None:
    require_refusal(circuits(*tiny.arguments, "--task-set", "cue=2"), "brings its own prompts: leave out --task-set")


def test_the_list_of_tasks_shows_settings_with_their_defaults(circuits: Command) -> None:
    rows = {row["task"]: row for row in circuits("tasks", "--json").json["tasks"]}
    assert rows["needle"]["settings"] == {
        "lengths": [20, 30, 40],
        "depths": [0, 0.25, 0.5, 0.75, 1],
        "needle": 5,
        "cue": 1,
    }
    assert rows["ioi"]["settings"] == rows["coco-objects"]["settings"] == {}
    assert "needle: lengths=[20, 30, 40]; depths=[0, 0.25, 0.5, 0.75, 1]; needle=5; cue=1" in circuits("tasks").stdout


def test_the_default_settings_are_those_of_the_task_as_it_is() -> None:
    for kind in (*TASKS.values(), IMAGE_TASKS["scene-objects"]):
        defaults = default_settings(kind)
        assert task_settings(kind, defaults) == {}
        made = make_task(kind, defaults)
        assert made == kind()


def test_what_cannot_be_kept_is_refused() -> None:
    @dataclass(frozen=True)
    class Named(Needle):
        name = "named"
        numbers: frozenset[int] = frozenset()

    with pytest.raises(ValueError, match="setting numbers: frozenset cannot be kept"):
        task_settings(Named, {"numbers": [1]})


def test_orders_know_the_settings_of_a_task_with_options(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Sized(TASKS["colored-objects"]):  # pyright: ignore[reportGeneralTypeIssues]
        size: int = 1

    monkeypatch.setitem(TASKS._things, "colored-objects", Sized)
    plans = [
        plan_orders(OrdersSettings(task="colored-objects", task_settings=given), Execution(out=tmp_path))
        for given in ({}, {"size": 1}, {"size": 2})
    ]
    usual, same, other = (own.measure[0] for own in plans)
    assert (usual.key == same.key, usual.key == other.key) == (True, False)
    assert other.settings["task_settings"] == {"size": 2}


def test_tasks_with_images_have_settings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Sized(IMAGE_TASKS["scene-objects"]):  # pyright: ignore[reportGeneralTypeIssues]
        size: int = 1

    monkeypatch.setitem(IMAGE_TASKS._things, "scene-objects", Sized)
    config = RunConfig(task="scene-objects", model="reference-vlm", task_settings={"size": 2})
    made = image_task(PromptJobs(config).prompts.settings)
    assert isinstance(made, Sized)
    assert made.size == 2
