"""Runs under ablations other than the paired one, and components chosen by estimates of their edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import discover, open_run

Command = Callable[..., Any]


@pytest.mark.parametrize("ablation", ["corrupt", "zero", "zero-folded", "mean", "position-mean", "noise"])
def test_every_ablation_gives_a_circuit_and_is_on_record(
    circuits: Command, computed: Command, tiny: Any, ablation: str
):
    summary = computed((*tiny.arguments, "--ablation", ablation, "--json"))[0].json
    graph = open_run(summary["run"]).circuit
    assert graph.provenance is not None
    assert graph.provenance.ablation.startswith(ablation)
    # The whole circuit explains all of the gap between the clean and the ablated model.
    whole = circuits(*tiny.arguments, "--ablation", ablation, "--edges", "10000", "--json").json
    assert whole["faithfulness"] == pytest.approx(1, abs=1e-4)


def test_a_run_says_which_zero_it_put_in(computed: Command, tiny: Any):
    """The tiny model's values have biases."""
    warnings = {
        name: " ".join(computed((*tiny.arguments, "--ablation", name, "--json"))[0].json["warnings"])
        for name in ("zero", "zero-folded", "mean")
    }
    assert [name for name, text in warnings.items() if "use 'zero-folded'" in text] == ["zero"]


def test_ablations_differ_in_what_they_measure(tiny: Any, tmp_path: Path):
    names = ("corrupt", "zero", "zero-folded", "mean", "position-mean", "noise")
    runs = [
        discover(
            **tiny.settings(out=tmp_path, ablation=name, method="activation-patching", settings={"kinds": ["head"]})
        )
        for name in names
    ]
    means = [run.node_scores.means for run in runs if run.node_scores is not None]
    assert len(means) == len(names)
    for number, one in enumerate(means):
        assert all(np.abs(one - other).max() > 1e-3 for other in means[number + 1 :])


@pytest.mark.parametrize("ablation", ["mean", "position-mean"])
def test_the_mean_is_that_of_all_prompts_however_they_are_split(tiny: Any, tmp_path: Path, ablation: str):
    split, whole = (
        discover(**tiny.settings(out=tmp_path / str(size), ablation=ablation, prompts_per_job=size)) for size in (4, 12)
    )
    np.testing.assert_allclose(split.scores.per_prompt, whole.scores.per_prompt, atol=1e-5)
    assert split.scores.provenance.ablation == whole.scores.provenance.ablation
    assert split.faithfulness == pytest.approx(whole.faithfulness, abs=1e-5)


def test_the_size_of_the_noise_matters_and_is_refused_elsewhere(circuits: Command, tiny: Any):
    faint, strong = (
        circuits(*tiny.arguments, "--ablation", "noise", "--noise", size, "--json").json for size in ("0.01", "5")
    )
    gaps = [abs(summary["metric"]["clean"] - summary["metric"]["corrupt"]) for summary in (faint, strong)]
    assert gaps[0] < 0.1 * gaps[1]
    answer = circuits(*tiny.arguments, "--noise", "2")
    assert answer.exit_code == 2
    assert "goes with ablation 'noise'" in answer.stderr


def test_an_ablation_that_a_method_cannot_use_is_refused_before_anything_runs(circuits: Command, tiny: Any):
    answer = circuits(
        *tiny.arguments, "--method", "activation-patching", "--set", "direction=restore", "--ablation", "zero"
    )
    assert answer.exit_code == 2
    assert "needs a whole run to take values from" in answer.stderr
    status = circuits("status")
    assert status.exit_code == 2, "no run was begun"
    assert "no folder" in status.stderr


def test_estimates_of_edges_choose_components_by_their_sums(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--nodes", "3", "--json").json
    assert summary["circuit"]["selection"]["name"] == "top-components"
    run = discover(**tiny.settings(nodes=3))
    sums = run.scores.node_scores()
    strongest = np.argsort(-np.abs(sums.means[0, 1:]))[:3] + 1
    wanted = {str(sums.components[number]) for number in strongest}
    assert {node.name for node in run.circuit.nodes} - {"input", "logits"} <= wanted
    by_name = {node.name: node.score for node in run.circuit.nodes}
    for number in strongest:
        name = str(sums.components[number])
        if name in by_name:
            assert by_name[name] == pytest.approx(sums.means[0, number], abs=1e-6)


@pytest.mark.usefixtures("computed_run")
def test_what_a_job_took_is_kept_beside_its_result():
    costs = {path.name: json.loads(path.read_text()) for path in Path("runs").glob("jobs/*/*.cost.json")}
    assert len(costs) == len(list(Path("runs").glob("jobs/*/*.npz")))
    counted = [cost["multiply_adds"] for cost in costs.values() if cost["multiply_adds"]]
    assert len(counted) >= 3
    assert all(cost["seconds"] >= 0 for cost in costs.values())
