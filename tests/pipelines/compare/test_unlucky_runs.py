"""Runs and folders that something is wrong with: refused before a model runs, or compared as what they are."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphs.export.json import JsonExport
from pipelines import compare, discover
from pipelines.compare.plan import comparison_name
from pipelines.discover.run import DiscoverRun

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unlucky") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    """Of tasks whose names have dots in them."""
    made = []
    for seed, edges in enumerate((20, 10)):
        task = new_prompts(store.parent / f"task.v{seed}.jsonl", n_prompts=8, seed=seed)
        made.append(discover(**tiny.settings(task=str(task), edges=edges, metric="kl-divergence", out=store)))
    return made


def emptied(run: DiscoverRun, folder: Path) -> Path:
    """A copy of a run whose circuit is empty."""
    shutil.copytree(run.folder, folder)
    graph = replace(run.circuit, nodes=(), edges=(), threshold=None, faithfulness=None, reason="nothing was chosen")
    data = JsonExport().to_bytes(graph)
    (folder / "graph.json").write_bytes(data)
    record = json.loads((folder / "run.json").read_text())
    record["files"]["graph.json"] = hashlib.sha256(data).hexdigest()
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def n_jobs(store: Path) -> int:
    return len(list(store.glob("jobs/*/*.npz")))


@pytest.mark.parametrize("command", ["compare", "evaluate"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_computed(
    circuits: Command, runs: list[DiscoverRun], store: Path, tmp_path: Path, command: str
):
    (tmp_path / "file").write_text("")
    before = n_jobs(store)
    answer = circuits(command, *(run.name for run in runs), "--runs", store, "--out", tmp_path / "file" / "folder")
    assert answer.exit_code == 2
    assert "cannot write in" in answer.stderr
    assert "No model was run" in answer.stderr
    assert n_jobs(store) == before


@pytest.mark.parametrize("file", ["summary.json", "graph.json", "scores.npz"])
@pytest.mark.parametrize("command", ["compare", "evaluate", "cluster"])
def test_a_file_that_is_gone_is_named_before_anything_is_computed(
    circuits: Command, runs: list[DiscoverRun], store: Path, tmp_path: Path, command: str, file: str
):
    copy = shutil.copytree(runs[0].folder, tmp_path / "copy")
    (copy / file).unlink()
    before = n_jobs(store)
    others = [] if command == "cluster" else [runs[1].name]
    answer = circuits(command, copy, *others, "--runs", store)
    assert answer.exit_code == 2
    assert f"cannot read {copy / file}" in answer.stderr
    assert "Restore it from the store: circuits discover" in answer.stderr
    assert n_jobs(store) == before


def test_a_report_does_not_overwrite_a_run(circuits: Command, runs: list[DiscoverRun], store: Path):
    kept = {path: path.read_bytes() for path in runs[0].folder.iterdir()}
    for command in (["compare", runs[0].name, runs[1].name], ["evaluate", runs[1].name]):
        answer = circuits(*command, "--runs", store, "--out", runs[0].folder)
        assert answer.exit_code == 2
        assert "is the folder of a run" in answer.stderr
    assert {path: path.read_bytes() for path in runs[0].folder.iterdir()} == kept


def test_nothing_is_written_among_what_a_store_keeps(circuits: Command, runs: list[DiscoverRun], store: Path):
    first, second = (run.name for run in runs)
    comparison = compare(first, second, out=store, overlap_only=True, folder=store / "compared").folder
    kept = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    of_run, jobs = runs[0].folder, store / "jobs"
    refused = [
        (("compare", first, second, "--overlap-only", "--out", store), "is a store of runs"),
        (("compare", first, second, "--overlap-only", "--out", jobs / "x"), "holds the results of a store"),
        (("report", first, "--out", store), "is a store of runs"),
        (("export", first, "--to", "json", "--out", of_run / "summary.json"), "is the folder of a run"),
        (("export", first, "--to", "json", "--out", of_run / "new.json"), "is the folder of a run"),
        (("export", first, "--to", "json", "--out", store / "store.json"), "a store of runs"),
        (("export", first, "--to", "json", "--out", jobs / "ab" / "x.json"), "holds the results of a store"),
        (("export", first, "--to", "json", "--out", comparison / "summary.json"), "a file of the report"),
        (("draw", "transfer", comparison, "--out", of_run / "x.pdf"), "is the folder of a run"),
        (("draw", "transfer", comparison, "--out", jobs / "x.pdf"), "holds the results of a store"),
        (("draw", "transfer", comparison, "--out", comparison / "comparison.pdf"), "a file of the report"),
    ]
    for command, words in refused:
        answer = circuits(*command, "--runs", store)
        assert (answer.exit_code, words in answer.stderr) == (2, True), (command, answer.stderr)
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == kept
    assert circuits("export", first, "--to", "json", "--out", store / "circuit.json", "--runs", store).exit_code == 0
    (store / "circuit.json").unlink()


def test_a_comparison_does_not_mix_with_another_one(runs: list[DiscoverRun], store: Path, tmp_path: Path):
    first, second = runs
    compare(first, second, out=store, overlap_only=True, folder=tmp_path / "kept")
    compare(first, second, out=store, overlap_only=True, folder=tmp_path / "kept")
    for others in ((second, first), (first, second, first)):
        with pytest.raises(ValueError, match=f"kept holds the comparison of {first.name}, {second.name}"):
            compare(*others, out=store, overlap_only=True, folder=tmp_path / "kept")
    (tmp_path / "kept" / "summary.json").write_text("{")
    compare(second, first, out=store, overlap_only=True, folder=tmp_path / "kept")


def test_empty_circuits_are_compared_with_each_other_and_with_others(
    runs: list[DiscoverRun], store: Path, tmp_path: Path
):
    empty = emptied(runs[0], tmp_path / "empty")
    both = compare(empty, empty, out=store, folder=tmp_path / "both").summary
    assert (both["edges_iou"], both["heads_iou"], both["n_shared_edges"]) == (None, None, 0)
    assert "is empty" in both["no_transfer"]
    assert (tmp_path / "both" / "diff.csv").read_text().startswith("name,kind,membership,in_")
    assert f"{empty.name}: the circuit is empty: nothing was chosen" in both["warnings"]
    one = compare(empty, runs[1], out=store, folder=tmp_path / "one").summary
    assert (one["edges_iou"], one["n_shared_edges"]) == (0, 0)


def test_columns_of_tasks_with_dots_hold_their_values(runs: list[DiscoverRun], store: Path, tmp_path: Path):
    compare(*runs, out=store, overlap_only=True, folder=tmp_path / "two")
    rows = list(csv.DictReader((tmp_path / "two" / "diff.csv").open()))
    for run in runs:
        label = run.circuit.label
        assert "." in label
        held = {row["name"] for row in rows if row["kind"] == "edge" and row[f"in_{label}"] == "True"}
        scores = {row["name"]: float(row[f"score_{label}"]) for row in rows if row["name"] in held}
        assert scores == pytest.approx({edge.name: edge.score for edge in run.circuit.edges})


def test_long_names_of_runs_give_a_folder_that_can_be_made():
    names = [letter * 120 for letter in "ab"]
    assert len(comparison_name(names)) < 40
    assert comparison_name(names) != comparison_name(names[::-1])
    assert comparison_name(["a", "b"]) == "compare-a-b"
