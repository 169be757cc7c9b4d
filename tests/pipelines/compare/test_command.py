"""`circuits compare`: circuits of a tiny model run on each other's prompts, and what is said where none can be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts, write_jsonl
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import circuit_values, faithfulness, measure_baseline
from circuits.metrics import METRICS
from circuits.model.load import load_model
from pipelines import compare, discover, open_run
from pipelines.discover.run import DiscoverRun
from tests.conftest import random_module, random_prompts

Command = Callable[..., Any]
METRIC = "kl-divergence"  # differs between any clean and corrupt prompts


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    """Circuits of 30, 20 and 10 edges for the same model on different prompts."""
    made = []
    for seed, edges in enumerate((30, 20, 10)):
        task = new_prompts(store.parent / f"task{seed}.jsonl", n_prompts=16, seed=seed)
        given = tiny.settings(task=str(task), edges=edges, ranking="absolute", metric=METRIC, out=store)
        made.append(discover(**given | {"prompts_per_job": 5}))
    return made


@pytest.fixture(scope="module")
def pair(runs: list[DiscoverRun], store: Path) -> dict[str, Any]:
    return dict(compare(*runs[:2], out=store, draws=3).summary)


def test_faithfulness_on_the_other_task_is_that_of_running_the_circuit_there(
    tiny: Any, runs: list[DiscoverRun], pair: dict[str, Any]
):
    model = load_model(str(tiny.model))
    for task in runs[:2]:
        prompts = read_prompts(Path(task.config.task), model.tokenizer)[8:16]
        baseline = measure_baseline(model, prompts, metric=METRICS[METRIC])
        masks = np.stack([run.circuit.edge_mask for run in runs[:2]])
        shared = masks[0] & masks[1]
        circuits = np.stack([*masks, masks[0] | masks[1], shared, ~shared])
        values = circuit_values(model, prompts, circuits, metric=METRICS[METRIC])
        expected = [faithfulness(row, baseline).mean for row in values]
        label = task.circuit.label
        rows = {row["circuit"]: row for row in pair["transfer"]["matrix"] if row["task"] == label}
        assert [rows[run.circuit.label]["faithfulness"] for run in runs[:2]] == pytest.approx(expected[:2], abs=1e-5)
        sets = pair["transfer"]["pairs"][0]["sets"]
        measured = [sets[name]["on"][label]["faithfulness"] for name in ("union", "shared", "without_shared")]
        assert measured == pytest.approx(expected[2:], abs=1e-5)


def test_accuracy_on_the_other_task_is_that_of_running_the_circuit_there(
    tiny: Any, runs: list[DiscoverRun], pair: dict[str, Any]
):
    model = load_model(str(tiny.model))
    for task in runs[:2]:
        prompts = read_prompts(Path(task.config.task), model.tokenizer)[8:16]
        circuits = np.stack([run.circuit.edge_mask for run in runs[:2]])
        # With one answer and one wrong answer, right is where the logit difference is positive.
        values = circuit_values(model, prompts, circuits, metric=METRICS["logit-difference"])
        rows = {
            row["circuit"]: row["accuracy"] for row in pair["transfer"]["matrix"] if row["task"] == task.circuit.label
        }
        measured = [rows[run.circuit.label]["circuit"]["value"] for run in runs[:2]]
        assert measured == [float((of_circuit > 0).mean()) for of_circuit in values]
        assert 0 < np.mean(measured) < 1
        baseline = measure_baseline(model, prompts, metric=METRICS["logit-difference"])
        for accuracy in rows.values():
            assert accuracy["empty"]["value"] == float((baseline.ablated > 0).mean())
            assert accuracy["model"] == baseline.accuracy


def test_how_many_circuits_are_planned_is_said_before_they_are_run(
    runs: list[DiscoverRun], store: Path, capsys: pytest.CaptureFixture[str]
):
    compare(*runs, out=store, draws=2, seed=5, progress=True)
    # On each of 3 tasks: 12 circuits drawn and 4 without the shared part renamed; once for the metric and once for
    # accuracy the empty one, 3 own, 3 of equal size, half of its own, 12 made of two, and 2 cores.
    first = next(filter(None, capsys.readouterr().err.split("\r")))
    # The time is that of the forecast, where it is long.
    assert f"; about {3 * (12 + 4 + 2 * (1 + 3 + 3 + 1 + 12 + 2))} circuits are run" in first


def test_every_row_says_what_to_compare_it_with(pair: dict[str, Any]):
    for row in pair["transfer"]["matrix"]:
        assert row["random"]["n"] == 3
        assert row["random"]["range"][0] <= row["random"]["mean"] <= row["random"]["range"][1]
        assert row["matched"]["n"] in (0, 3)  # none where the circuit fills its layers
        assert row["sized"]["n_edges"] == 30
        if row["circuit"] == row["task"]:
            assert row["retention"]["value"] == pytest.approx(1)
    assert pair["transfer"]["circuit_runs"] >= 2 * (2 + 2 + 6 + 5)
    assert pair["transfer"]["pairs"][0]["verdict"]
    assert pair["edges_iou"] == pair["overlaps"][0]["edges_iou"]


def test_the_same_comparison_again_computes_nothing(runs: list[DiscoverRun], store: Path, pair: dict[str, Any]):
    again = compare(*runs[:2], out=store, draws=3)
    assert again.n_computed == 0
    assert dict(again.summary) == pair


def test_three_runs_are_a_matrix_with_files(circuits: Command, runs: list[DiscoverRun], store: Path):
    names = [run.name for run in runs]
    shown = circuits("compare", *names, "--runs", str(store), "--draws", "2", "--out", str(store / "three")).stdout
    assert "transfer: what each circuit (row) keeps of each task (column)" in shown
    assert "in 3 circuits or more" in shown
    rows = list(csv.DictReader(io.StringIO((store / "three" / "transfer.csv").read_text())))
    assert [(row["circuit"], row["task"]) for row in rows] == [
        (f"task{a}", f"task{b}") for a in range(3) for b in range(3)
    ]
    tables = {
        name: list(csv.DictReader(io.StringIO((store / "three" / f"{name}.csv").read_text())))
        for name in ("overlap", "chance", "parts", "overlap_curve")
    }
    assert [row["level"] for row in tables["overlap"]] == ["heads", "nodes", "edges"] * 3
    of_edges = {row["null"] for row in tables["chance"] if row["level"] == "edges"}
    assert of_edges == {"uniform", "within layer", "within ports", "generic", "beyond common"}  # none that is drawn
    for row in tables["chance"]:
        if row["can_tell"] == "True":
            assert float(row["p_value"]) <= float(row["p_value_corrected"]) <= 1
        else:
            assert row["p_value_corrected"] == ""
    kept = json.loads((store / "three" / "summary.json").read_text())["overlaps"]
    for pair in kept:
        (leads,) = [
            row
            for row in tables["chance"]
            if row["leads"] == "True" and (row["a"], row["b"], row["level"]) == (pair["a"], pair["b"], "edges")
        ]
        assert leads["null"] == "within ports"
        assert leads["p_value_corrected"] == (
            "" if pair["p_value_corrected"] is None else str(pair["p_value_corrected"])
        )
    assert {row["belongs"] for row in tables["parts"]} <= {"shared", "only_a", "only_b", "undecided"}
    assert {row["of"] for row in tables["overlap_curve"]} == {"heads", "edges"}
    assert not (store / "three" / "comparison.json").exists()


def test_two_runs_say_what_heads_score_and_how_alike_halves_of_a_task_are(pair: dict[str, Any]):
    assert pair["head_scores_are"] == ["signed sums of all outgoing edges (eap-ig)"] * 2
    assert pair["resamples"] == 1000
    index = pair["levels"]["edges"]["reuse_index"]
    assert (index["n_prompts"], index["n_splits"]) == (4, 50)  # of the 8 that chose each circuit
    assert 0 <= index["chance"] <= index["within_a"] <= 1
    drawn = [chance for chance in pair["levels"]["edges"]["chances"] if chance["null"] == "rewired"]
    assert len(drawn) == 1
    assert all(part["share_a"] is not None for part in pair["head_parts"])


def test_overlap_alone_runs_nothing(circuits: Command, runs: list[DiscoverRun], store: Path):
    names = [run.name for run in runs[:2]]
    answer = circuits("compare", *names, "--runs", str(store), "--overlap-only", "--json").json
    assert answer["transfer"] is None
    assert "jobs" not in answer
    assert (
        "no circuit was run on another task: not asked for"
        in circuits("compare", *names, "--runs", str(store), "--overlap-only").stdout
    )


def test_runs_that_differ_in_more_than_their_task_say_so(tiny: Any, runs: list[DiscoverRun], store: Path):
    other = discover(**tiny.settings(task=runs[1].config.task, edges=20, metric="answer-logit", out=store))
    comparison = compare(runs[0], other, out=store, overlap_only=True)
    (said,) = (text for text in comparison.warnings if "differ in more than their task" in text)
    assert f"metric: {METRIC} ({runs[0].name}); answer-logit ({other.name})" in said
    alike = compare(*runs[:2], out=store, overlap_only=True)
    assert not [text for text in alike.warnings if "differ in more" in text]


def test_scores_of_two_methods_are_alike_in_order_and_not_in_size(
    circuits: Command, tiny: Any, runs: list[DiscoverRun], store: Path
):
    """What is shown of them does not deny what else is: their order is compared, how far they differ is not told."""
    other = discover(**tiny.settings(task=runs[1].config.task, edges=20, method="ceap", metric=METRIC, out=store))
    asked = ("compare", runs[0].name, other.name, "--runs", str(store), "--overlap-only")
    shown = " ".join(circuits(*asked).stdout.split())
    assert "likeness of signed scores" in shown
    assert (
        "scores of edges: estimated scores (eap-ig); estimated scores (ceap): these measures need no common scale"
        in shown
    )
    no_scale = "they were scored by another method (eap-ig, ceap), on no common scale"
    assert f"how far scores differ is not told: {no_scale}" in shown
    assert "not compared" not in shown
    summary = circuits(*asked, "--json").json
    assert summary["levels"]["edges"]["measures"]["spearman"] is not None
    assert [entry["reason"] for entry in summary["diff"]["edges"]["not_compared"]] == [no_scale]
    paper = circuits(*asked, "--to", "markdown", "--table", "scores").stdout
    assert "these measures need no common scale" in paper


def test_circuits_of_different_models_are_not_run(
    tiny: Any, runs: list[DiscoverRun], store: Path, new_model: Callable[..., Path]
):
    model = new_model(store.parent / "other", seed=1)
    other = discover(**tiny.settings(model=str(model), task=runs[1].config.task, edges=20, metric=METRIC, out=store))
    with pytest.raises(ValueError, match=r"different weights\. If they are checkpoints of one training run"):
        compare(runs[0], other, out=store)


def test_without_draws_nothing_is_compared_with_chance(runs: list[DiscoverRun], store: Path):
    rows = compare(*runs[:2], out=store, draws=0, folder=store / "undrawn").summary["transfer"]["matrix"]
    assert [row["random"] for row in rows] == [{"n": 0, "mean": None, "range": None, "p_value": None}] * 4
    assert {row["normalized"] for row in rows} == {None}


def test_models_that_refuse_edges_are_compared_by_components(store: Path):
    random_module("gemma2").save_pretrained(store.parent / "gemma")
    files = [store.parent / f"text{number}.jsonl" for number in range(2)]
    for number, file in enumerate(files):
        write_jsonl(PromptSet(file.stem, random_prompts(20).prompts[4 * number : 16 + 4 * number]), file)
    given = {"model": str(store.parent / "gemma"), "method": "activation-patching", "metric": METRIC, "nodes": 3}
    transfer = compare(*(discover(str(file), out=store, **given) for file in files), out=store, draws=2).summary[
        "transfer"
    ]
    assert transfer["level"] == "components"
    assert {row["n_edges"] for row in transfer["matrix"]} == {3}  # of which the input is none


def test_one_run_is_refused(circuits: Command, runs: list[DiscoverRun], store: Path):
    answer = circuits("compare", runs[0].name, "--runs", str(store))
    assert answer.exit_code == 2
    assert "1 run given, and a comparison takes two or more" in answer.stderr


def test_a_run_that_cannot_be_computed_on_can_still_be_compared_as_it_is_stored(
    runs: list[DiscoverRun], store: Path, tmp_path: Path
):
    record = runs[0].folder / "run.json"
    text = record.read_text()
    record.write_text(text.replace(f'"{METRIC}"', '"answer-logit"'))
    try:
        changed = open_run(runs[0].folder)
        with pytest.raises(ValueError, match=r"out of date.*--overlap-only"):
            compare(changed, runs[1], out=store)
        assert compare(changed, runs[1], out=store, overlap_only=True, folder=tmp_path).summary["transfer"] is None
    finally:
        record.write_text(text)
