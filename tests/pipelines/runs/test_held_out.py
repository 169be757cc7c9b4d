"""--held-out draws prompts in the wordings that a task holds out, and results are called so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from circuits.tasks import TASKS
from pipelines import open_run
from pipelines.runs.first_jobs import FirstJobs
from pipelines.runs.settings import RunConfig
from tests.bundled import bundled
from tests.pipelines.cli.test_bad_input import require_refusal

Command = Callable[..., Any]


def test_a_run_of_held_out_wordings_has_its_own_prompts_and_name(circuits: Command) -> None:
    summary = circuits("discover", "ioi", "--held-out", "--prompts", "6", "--edges", "30", "--json").json
    assert summary["task"] == "ioi-held-out"
    assert summary["run"].startswith("ioi-held-out-eap-")
    run = open_run(summary["run"])
    prompts = TASKS["ioi"](held_out=True).build(bundled("reference").tokenizer, n=6)
    assert run.scores.provenance.prompts_fingerprint == prompts.fingerprint
    assert run.circuit.provenance is not None
    assert run.circuit.provenance.task == "ioi-held-out"
    again = circuits("discover", "--config", run.folder / "config.yaml", "--json").json
    assert again["jobs"]["computed"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["discover", "induction"], "task 'induction' holds no templates out"),
        (["discover", "scene-objects", "--model", "reference-vlm"], "has no templates that could be held out"),
    ],
)
def test_where_nothing_is_held_out_it_is_refused(circuits: Command, arguments: list[str], said: str) -> None:
    require_refusal(circuits(*arguments, "--held-out"), said)


def test_a_prompt_file_has_no_wordings_to_hold_out(circuits: Command, tiny: Any) -> None:
    require_refusal(circuits(*tiny.arguments, "--held-out"), "brings its own prompts: leave out --held-out")


def test_keys_of_other_runs_do_not_hold_the_setting() -> None:
    usual, held_out = (FirstJobs(RunConfig(task="ioi", held_out=given), ()).prompts for given in (False, True))
    assert "held_out" not in usual.settings
    assert usual.key != held_out.key
