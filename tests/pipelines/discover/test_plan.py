"""Planning: pure, and keyed by what changes a result and by nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.settings_file import settings_from


def jobs_of(tiny: Any, **more: Any) -> Jobs:
    return all_jobs(settings_from(tiny.settings(**more), DiscoverSettings)[0])


def changed_stages(before: Jobs, after: Jobs) -> set[str]:
    kept = {job.key for job in before.all}
    return {job.stage.name for job in after.all if job.key not in kept}


AFTER_MEASURING = {"choose", "judge", "graph"}


@pytest.mark.parametrize(
    ("more", "stages"),
    [
        ({"edges": 7}, AFTER_MEASURING),
        ({"threshold": 0.1}, AFTER_MEASURING),
        ({"signed": True}, AFTER_MEASURING),
        ({"greedy": True}, AFTER_MEASURING),
        ({"tolerance": 0.3}, AFTER_MEASURING),
        ({"ranking": "absolute"}, AFTER_MEASURING),
        ({"curve": True}, {"budgets", "curve"}),
        ({"minimal": True}, {"check", "minimize-round", "minimize", "judge", "graph"}),
        ({"judge_on": "same"}, set()),
        ({"judge_on": "held-out"}, {"part", "baseline", "measure"} | AFTER_MEASURING),
        ({"metric": "answer-logit"}, {"check", "baseline", "measure"} | AFTER_MEASURING),
        ({"dtype": "bfloat16"}, {"check", "baseline", "measure"} | AFTER_MEASURING),
        ({"prompts": 8}, {"prompts", "check", "baseline", "measure"} | AFTER_MEASURING),
        ({"prompts_per_job": 3}, {"measure"} | AFTER_MEASURING),
        ({"seed": 5}, set()),
        ({"device": "cuda"}, set()),
        ({"workers": 3}, set()),
        ({"out": "elsewhere"}, set()),
    ],
)
def test_a_setting_changes_the_keys_of_what_depends_on_it(tiny: Any, more: dict[str, Any], stages: set[str]):
    assert changed_stages(jobs_of(tiny), jobs_of(tiny, **more)) == stages


def test_the_same_files_elsewhere_have_the_same_keys(tiny: Any, tmp_path: Path):
    shutil.copytree(tiny.model, tmp_path / "copy")
    assert jobs_of(tiny).graph.key == jobs_of(tiny, model=str(tmp_path / "copy")).graph.key


def test_other_weights_change_every_key(tiny: Any, tmp_path: Path, new_model: Callable[..., Path]):
    other = jobs_of(tiny, model=str(new_model(tmp_path / "other", seed=1)))
    assert not {job.key for job in other.all} & {job.key for job in jobs_of(tiny).all}


def test_another_tokenizer_changes_the_prompts(tiny: Any, tmp_path: Path):
    shutil.copytree(tiny.model, tmp_path / "copy")
    (tmp_path / "copy" / "tokenizer.json").write_text("{}")
    assert jobs_of(tiny).prompts.key != jobs_of(tiny, model=str(tmp_path / "copy")).prompts.key


def test_another_line_in_the_prompt_file_changes_the_prompts(tiny: Any, new_prompts: Any, tmp_path: Path):
    path, more = tmp_path / tiny.prompts.name, new_prompts(tmp_path / "more.jsonl", seed=1)
    path.write_text(tiny.prompts.read_text() + "\n\n" + more.read_text())
    jobs = jobs_of(tiny, task=str(path))
    assert len(jobs.measure_edges) == len(jobs_of(tiny).measure_edges)  # of 24 prompts, half choose
    assert len(jobs.judge) == len(jobs.measure_edges)
    assert jobs.prompts.key != jobs_of(tiny).prompts.key


def test_defaults_given_or_left_out_are_the_same_job(tiny: Any):
    from pipelines.runs.method_settings import checked_settings

    defaults = checked_settings("activation-patching", {})
    left_out = jobs_of(tiny, method="activation-patching")
    given = jobs_of(tiny, method="activation-patching", settings=defaults)
    assert left_out.graph.key == given.graph.key


def test_one_half_of_the_prompts_chooses_and_the_other_judges(tiny: Any):
    jobs = jobs_of(tiny, judge_on="held-out")
    assert [job.settings["part"] for job in (jobs.choosing, jobs.judging)] == [[0, 6], [6, 12]]
    measured, judged = ({job.inputs["prompts"] for job in of} for of in ((*jobs.measured, jobs.choose), jobs.judge))
    assert (measured, judged) == ({(jobs.choosing.key,)}, {(jobs.judging.key,)})
    assert jobs.check.inputs["prompts"] == (jobs.prompts.key,)
    assert jobs_of(tiny).choosing == jobs_of(tiny).judging == jobs_of(tiny).prompts  # 12 are too few to split


def test_component_methods_measure_edges_as_an_edge_method_does(tiny: Any):
    components = jobs_of(tiny, method="activation-patching")
    assert {job.key for job in components.measure_edges} == {job.key for job in jobs_of(tiny).measure_edges}
    assert len(components.measure_nodes) == len(components.measure_edges)


def test_inputs_come_before_the_jobs_that_read_them(tiny: Any):
    seen: set[str] = set()
    for job in jobs_of(tiny, method="activation-patching", curve=True).all:
        assert {key for keys in job.inputs.values() for key in keys} <= seen
        seen.add(job.key)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"edges": 5, "threshold": 0.1}, "two ways to select"),
        ({"greedy": True, "threshold": 0.1}, "two ways to select"),
        ({"method": "exact-edges", "nodes": 3}, "nodes is for component methods"),
        ({"noise": 2.0}, "goes with ablation 'noise'"),
        ({"ablation": "meen"}, "[Dd]id you mean 'mean'"),
        ({"position": "END"}, "position is for component methods"),
        ({"method": "activation-patching", "greedy": True}, "greedy grows edges"),
        ({"method": "activation-patching", "nodes": 3, "threshold": 0.1}, "two ways to select"),
        ({"signed": True, "ranking": "absolute"}, "two rankings"),
        ({"judge_on": "held-out", "prompts": 1}, "there is 1 prompt"),
        ({"corruption": "flip"}, "brings its own corrupt prompts"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tiny: Any, more: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        jobs_of(tiny, **more)


def test_planning_imports_neither_torch_nor_dask_workers(tiny: Any, tmp_path: Path):
    code = (
        "import sys; from pipelines.runs.settings_file import settings_from; from pipelines.discover.plan import plan\n"
        "from pipelines.discover.settings import DiscoverSettings\n"
        f"planned = plan(*settings_from({tiny.settings(out=str(tmp_path))!r}, DiscoverSettings))\n"
        "assert len(planned.work[0].missing) == len(planned.jobs.all)\n"
        "heavy = {'torch', 'transformers', 'numba', 'distributed', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
