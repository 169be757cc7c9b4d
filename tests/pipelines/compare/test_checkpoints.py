"""Runs of two models wired alike: circuits of one in the other, and outputs of one patched into the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts
from circuits.evaluation.checkpoints import circuit_groups, patched_from
from circuits.evaluation.faithfulness import circuit_values, faithfulness, measure_baseline
from circuits.metrics import METRICS
from circuits.model.load import Model, load_model
from pipelines import compare, discover
from pipelines.compare.checkpoints import patch_across
from pipelines.discover.run import DiscoverRun
from pipelines.runs.codec import prompts_result
from tests.circuits.hand_models import write_two_step_copy

METRIC = METRICS["logit-difference"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints") / "runs"


@pytest.fixture(scope="module")
def models(tiny: Any, store: Path, new_model: Callable[..., Path]) -> dict[str, Model]:
    later = new_model(store.parent / "later", seed=5)
    return {"model": load_model(str(tiny.model)), "later": load_model(str(later))}


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, models: dict[str, Model]) -> list[DiscoverRun]:
    folders = (tiny.model, store.parent / "later")
    given = {"ranking": "absolute", "judge_on": "same", "prompts_per_job": 8, "out": store}
    return [
        discover(**tiny.settings(model=str(folder), edges=edges, **given))
        for folder, edges in zip(folders, (12, 9), strict=True)
    ]


@pytest.fixture(scope="module")
def summary(runs: list[DiscoverRun], store: Path) -> dict[str, Any]:
    return dict(compare(*runs, out=store, across_models=True, draws=2, folder=store / "both").summary)


def test_a_circuit_of_one_model_is_run_in_the_other(
    tiny: Any, runs: list[DiscoverRun], summary: dict[str, Any], models: dict[str, Model]
):
    rows = {(row["circuit"], row["task"]): row["faithfulness"] for row in summary["transfer"]["matrix"]}
    assert list(summary["runs"]) == ["pairs (model)", "pairs (later)"]
    prompts = read_prompts(tiny.prompts, models["later"].tokenizer)
    for number, (name, model) in enumerate(models.items()):
        baseline = measure_baseline(model, prompts, metric=METRIC)
        values = circuit_values(model, prompts, runs[1 - number].circuit.edge_mask[None], metric=METRIC)
        other = list(models)[1 - number]
        expected = faithfulness(values[0], baseline).mean
        assert rows[f"pairs ({other})", f"pairs ({name})"] == pytest.approx(expected, abs=1e-5)


def test_every_component_and_both_circuits_are_patched(
    tiny: Any, runs: list[DiscoverRun], summary: dict[str, Any], models: dict[str, Model], store: Path
):
    first, second = summary["checkpoints"]
    assert (first["into"], first["from"]) == ("pairs (model)", "pairs (later)")
    assert (second["into"], second["from"]) == ("pairs (later)", "pairs (model)")
    wiring, prompts = models["model"].wiring, read_prompts(tiny.prompts, models["model"].tokenizer)
    of_circuits = circuit_groups(wiring, {"own": runs[0].circuit.edge_mask, "other": runs[1].circuit.edge_mask})
    groups = np.concatenate([np.eye(len(wiring.writers), dtype=bool), np.stack(list(of_circuits.values()))])
    patched = patched_from(models["model"], models["later"], prompts, groups, metric=METRIC)
    found = [entry["recovered"] for entry in (*first["components"], *first["groups"])]
    assert found == pytest.approx([patched.recovered(number).value for number in range(len(groups))], abs=1e-4)
    assert [entry["n_components"] for entry in first["groups"]] == [int(group.sum()) for group in of_circuits.values()]
    assert first["gap"]["value"] == pytest.approx(-second["gap"]["value"])
    assert first["drawn"]["random"]["n"] == 2
    lines = (store / "both" / "checkpoints.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * len(groups)


def test_the_shares_are_printed_and_nothing_is_computed_twice(
    circuits: Callable[..., Any], runs: list[DiscoverRun], summary: dict[str, Any], store: Path
):
    names = [run.name for run in runs]
    shown = circuits("compare", *names, "--across-models", "--draws", "2", "--runs", store, "--out", store / "both")
    assert "nothing new to compute" in shown.stdout
    assert "most alone: " in shown.stdout
    assert "as many components as its circuit has, at random: " in shown.stdout


def test_a_metric_that_has_its_own_clean_run_is_not_patched_and_says_why(tiny: Any, store: Path, runs: Any):
    others = [
        discover(**tiny.settings(model=run.config.model, edges=9, metric="kl-divergence", out=store)) for run in runs
    ]
    rows = compare(*others, out=store, across_models=True, draws=0, folder=store / "kl").summary["checkpoints"]
    assert all("two models have none in common" in row["reason"] for row in rows)
    assert [row["components"] for row in rows] == [[], []]


def test_models_that_do_not_correspond_are_told_and_do_not_stop_the_comparison(
    models: dict[str, Model], tmp_path: Path, tiny: Any
):
    given = {"model": models["model"], "donor": load_model(str(write_two_step_copy(tmp_path)))}
    prompts = read_prompts(tiny.prompts, None)
    asked = {"metric": "logit-difference", "slice": [0, 4], "draws": 1, "seed": 0}
    result = patch_across(asked, {"prompts": (prompts_result(prompts),)}, lambda name="model": given[name])
    assert "have different wirings" in result.meta["reason"]
    assert not result.arrays
