"""What runs are called: another model than the default one is part of the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.discover import plan as discover_plan
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execution import Execution
from pipelines.runs.first_jobs import subject_name
from pipelines.runs.settings import RunConfig
from pipelines.trace import plan as trace_plan
from pipelines.trace.settings import TraceSettings


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("reference", "ioi"),
        ("smollm2-135m", "ioi-smollm2-135m"),
        ("meta-llama/Llama-3.2-1B", "ioi-Llama-3.2-1B"),
        ("models/tiny.Q8_0.gguf", "ioi-tiny.Q8_0"),
        ("my models/größer & besser", "ioi-gr-er-besser"),
        ("///", "ioi-model"),
        ("org/" + "x" * 200, "ioi-" + "x" * 48),
    ],
)
def test_the_model_follows_the_task_where_it_is_not_the_default_one(model: str, name: str):
    assert subject_name(RunConfig(task="ioi", model=model)) == name


def test_a_folder_goes_by_its_own_name_however_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path / "tiny")
    for spec in (".", "../tiny", str(tmp_path / "tiny")):
        assert subject_name(RunConfig(task="ioi", model=spec)) == "ioi-tiny"


def test_runs_of_two_models_share_no_pattern(tiny: Any, tmp_path: Path):
    execution = Execution(out=tmp_path)
    for settings, plan, method in (
        (DiscoverSettings, discover_plan.plan, "eap-ig"),
        (TraceSettings, trace_plan.plan, "trace"),
    ):
        default = plan(settings(task="ioi"), execution).run_name
        other = plan(settings(task="ioi", model="reference-early"), execution).run_name
        assert default.startswith(f"ioi-{method}-")
        assert other.startswith(f"ioi-reference-early-{method}-")
