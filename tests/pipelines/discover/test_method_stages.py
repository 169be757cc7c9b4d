"""A method of several stages needs nothing from this package but `Method.stages`: a made-up one goes all the way."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from circuits.ablations import ABLATIONS
from circuits.data.prompt_files import read_prompts
from circuits.intervals import Share
from circuits.methods.base import Method, path_setting
from circuits.methods.registry import METHODS, register
from circuits.methods.stages import Findings, MethodStage, StageInputs
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.result import Result
from circuits.scores import EdgeScores
from pipelines import discover, open_run
from pipelines.discover.method_stages import stage_jobs
from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.run import DiscoverRun
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import FirstJobs

ROOT = Path(__file__).parents[3]
LOGIT_DIFFERENCE = METRICS["logit-difference"]


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def count_changes(inputs: StageInputs) -> Result:
    """[prompt] in how many tokens the prompts of a slice differ from their partners."""
    assert inputs.prompts is not None
    start, stop = inputs.settings["slice"]
    pairs = [(prompt.clean, prompt.corrupt) for prompt in inputs.prompts.prompts[start:stop]]
    return Result({}, {"changes": np.array([sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs])})


def weigh(inputs: StageInputs) -> Result:
    """[prompt] for each of some trials: changes x (trial + 1) x the factor in a file."""
    assert (inputs.metric, inputs.ablation) == (LOGIT_DIFFERENCE, ABLATIONS["corrupt"]())
    assert inputs.model().wiring.n_edges
    factor = 1 if inputs.settings["factor"] is None else float(Path(inputs.settings["factor"]).read_text())
    changes = np.concatenate([result.arrays["changes"] for result in inputs.results["counted"]])
    weights = [changes * (trial + 1) * factor for trial in range(*inputs.settings["trials"])]
    return Result({}, {"weights": np.stack(weights)})


COUNTED = MethodStage("two-stages-changes", 1, count_changes, reads_prompts=True, each="prompts")
WEIGHED = MethodStage(
    "two-stages-weights", 1, weigh, reads={"counted": COUNTED.name}, reads_metric=True, each="trials", at_once=2
)


@dataclasses.dataclass(frozen=True)
class TwoStages(Method):
    """Score edge number e by (e + 1) x changed tokens, times a weight that is the mean over trials."""

    name = "two-stages"
    summary = "made up"
    result = "edges"
    scored_in: ClassVar[tuple[str, int]] = ("two-stages-scores", 1)

    trials: int = 3
    factor: str | None = path_setting(digest)

    def score_stages(self):
        return COUNTED, dataclasses.replace(WEIGHED, settings={"factor": self.factor}, trials=self.trials)

    def scores_from(self, results, model, prompts, *, metric, ablation):
        weights = np.concatenate([result.arrays["weights"] for result in results[WEIGHED.name]]).mean(axis=0)
        scores = weights[:, None] * np.arange(1, model.wiring.n_edges + 1)
        measured = np.ones(model.wiring.n_edges, dtype=np.bool_)
        provenance = self.provenance(model, prompts, metric, ablation)
        return EdgeScores(model.wiring, scores.astype(np.float32), measured, provenance)

    def head_groups(self, results, wiring):
        return {"a1.h1": len(results[WEIGHED.name])}

    def findings(self, results_of):
        changes = np.concatenate([result.arrays["changes"] for result in results_of(COUNTED.name)])
        return Findings(
            summary={"changes": int(changes.sum())},
            facts=(("tokens changed", str(changes.sum())), ("of these", Share(1, 4)), ("nothing", None)),
            warnings=("this method is made up.",),
            kept={"changes": {"changes": changes}},
            sampled="of scores, over dice",
        )


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in ("_things", "_origins"):
        monkeypatch.setattr(METHODS, names, dict(getattr(METHODS, names)))
    register(TwoStages)


def planned(tiny: Any, **settings: Any) -> Jobs:
    return all_jobs(DiscoverSettings(**tiny.settings(method="two-stages", settings=settings)))


def run_of(tiny: Any, out: Path, **settings: Any) -> DiscoverRun:
    return discover(**tiny.settings(method="two-stages", settings=settings, out=out, edges=30))


def labels(jobs: Jobs) -> list[str]:
    return [job.label for job in jobs.stages]


def test_each_stage_is_split_as_it_says_and_reads_what_it_names(tiny: Any):
    jobs = planned(tiny)
    slices, trials = ("prompts 0-3", "prompts 4-7", "prompts 8-11"), ("trials 0-1", "trials 2-2")
    assert labels(jobs) == [f"{COUNTED.name} {part}" for part in slices] + [f"{WEIGHED.name} {part}" for part in trials]
    counted, weighed = jobs.stages[:3], jobs.stages[3:]
    assert all(job.inputs["counted"] == tuple(one.key for one in counted) for job in weighed)
    (scores,) = jobs.measure_edges
    assert scores.stage.name == "two-stages-scores"
    assert scores.inputs[WEIGHED.name] == tuple(job.key for job in weighed)


def test_a_run_has_the_scores_of_python_and_what_the_method_says(circuits: Callable[..., Any], tiny: Any):
    arguments = (*tiny.arguments, "--method", "two-stages", "--edges", "30")
    summary = circuits(*arguments, "--json").json
    run = cast("DiscoverRun", open_run(summary["run"]))
    prompts = read_prompts(tiny.prompts)
    expected = TwoStages().score(load_model(str(tiny.model)), prompts, metric=LOGIT_DIFFERENCE)
    assert np.array_equal(run.scores.per_prompt, expected.per_prompt)
    changes = [sum(a != b for a, b in zip(prompt.clean, prompt.corrupt, strict=True)) for prompt in prompts]
    assert run.scores.means[0] == pytest.approx(np.mean(changes) * (1 + 2 + 3) / 3)
    assert summary["changes"] == sum(changes)
    assert "this method is made up." in summary["warnings"]
    kept = run.kept("changes")
    assert kept is not None
    assert kept.arrays["changes"].tolist() == changes
    assert (run.kept("codes"), run.codes) == (None, None)
    # The last stage has two parts.
    assert {node.name: node.group for node in run.circuit.nodes if node.group is not None} == {"a1.h1": 2}
    table = circuits(*arguments).stdout
    assert "else t over prompts; of scores, over dice." in table
    lines = [line.replace("│", "").split() for line in table.splitlines()]
    assert ["tokens", "changed", str(sum(changes))] in lines
    assert ["of", "these", "25.0%", "[4.6%,", "69.9%]"] in lines
    assert ["nothing", "not", "defined"] in lines


def test_a_run_that_breaks_in_a_stage_goes_on_there(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    counted: list[Any] = []

    def counting(inputs: StageInputs) -> Result:
        counted.append(inputs.settings["slice"])
        return count_changes(inputs)

    def breaking(inputs: StageInputs) -> Result:
        if inputs.settings["trials"] == [2, 3]:
            raise ValueError("the second part broke")
        return weigh(inputs)

    monkeypatch.setitem(globals(), "COUNTED", dataclasses.replace(COUNTED, compute=counting))
    with monkeypatch.context() as broken:
        broken.setitem(globals(), "WEIGHED", dataclasses.replace(WEIGHED, compute=breaking))
        with pytest.raises(ValueError, match="the second part broke") as error:
            run_of(tiny, tmp_path)
    assert "in job 'two-stages-weights trials 2-2'" in error.value.__notes__
    assert sorted(counted) == [[0, 4], [4, 8], [8, 12]]
    store = Store(tmp_path)
    before = {job.label for job in planned(tiny).stages if store.has(job.key)}
    assert {f"{COUNTED.name} prompts 0-3", f"{COUNTED.name} prompts 8-11"} <= before
    assert f"{WEIGHED.name} trials 2-2" not in before
    run_of(tiny, tmp_path)
    assert len(counted) == 3


def test_other_settings_and_versions_compute_what_they_change(tiny: Any, monkeypatch: pytest.MonkeyPatch):
    def new(jobs: Jobs) -> list[str]:
        return [job.label for job in jobs.stages if job.key not in before]

    before = {job.key for job in planned(tiny).stages}
    assert new(planned(tiny, trials=4)) == [f"{WEIGHED.name} trials 2-3"]
    monkeypatch.setitem(globals(), "WEIGHED", dataclasses.replace(WEIGHED, version=2))
    assert new(planned(tiny)) == [f"{WEIGHED.name} trials 0-1", f"{WEIGHED.name} trials 2-2"]


def test_a_setting_that_is_a_path_counts_by_what_is_there(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, copy = tmp_path / "factor", tmp_path / "copy"
    file.write_text("2")
    copy.write_text("2")
    first, second = planned(tiny, factor=str(file)), planned(tiny, factor=str(copy))
    assert [job.key for job in first.all] == [job.key for job in second.all]
    monkeypatch.chdir(tmp_path)
    run = run_of(tiny, tmp_path / "runs", factor="factor")
    assert run.config.settings["factor"] == str(file)
    assert np.array_equal(run.scores.means, 2 * run_of(tiny, tmp_path / "runs").scores.means)
    copy.write_text("3")
    assert planned(tiny, factor=str(copy)).graph.key != first.graph.key
    weighed = second.stages[-1]
    with pytest.raises(ValueError, match="copy has changed since this run was planned"):
        weighed.stage.locate(weighed.settings, weighed.locations)


@pytest.mark.parametrize(
    "change", [{"name": "choose"}, {"reads": {"choose": COUNTED.name}}, {"settings": {"choose": "some"}}]
)
def test_a_stage_cannot_take_a_name_that_every_run_uses(tiny: Any, monkeypatch: pytest.MonkeyPatch, change: Any):
    monkeypatch.setattr(TwoStages, "score_stages", lambda self: (COUNTED, dataclasses.replace(WEIGHED, **change)))
    config = DiscoverSettings(**tiny.settings(method="two-stages"))
    with pytest.raises(ValueError, match="uses the name 'choose', which jobs of every run use"):
        stage_jobs(TwoStages(), FirstJobs(config, [{"name": "two-stages", "settings": {"factor": None}}]))


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(tiny: Any, tmp_path: Path):
    script, there = tmp_path / "mine.py", tmp_path / "there"
    settings = tiny.settings(method="two-stages", edges=30, workers=2, out=str(there))
    script.write_text(
        "from circuits.methods.registry import register\n"
        "from pipelines import discover\n"
        "from tests.pipelines.discover.test_method_stages import TwoStages\n"
        "register(TwoStages)\n"
        "if __name__ == '__main__':\n"
        f"    discover(**{settings!r})\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    subprocess.run([sys.executable, script], check=True, env=environment, cwd=tmp_path)
    here = run_of(tiny, tmp_path / "here")
    for name in ("scores.npz", "changes.npz", "graph.json", "summary.json"):
        assert (here.folder / name).read_bytes() == (there / here.name / name).read_bytes(), name
