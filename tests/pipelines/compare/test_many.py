"""Four circuits compared at once: differences, circuits made of them, clusters, whether overlap predicts transfer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipelines import compare, discover
from pipelines.discover.run import DiscoverRun
from pipelines.runs.run import read_circuit

Command = Callable[..., Any]
OFF = ~np.eye(4, dtype=bool)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    made = []
    for seed, edges in enumerate((40, 30, 20, 20)):
        task = new_prompts(store.parent / f"task{seed}.jsonl", n_prompts=8, seed=seed)
        given = tiny.settings(task=str(task), edges=edges, ranking="absolute", metric="kl-divergence", out=store)
        made.append(discover(**given | {"prompts_per_job": 8}))
    return made


@pytest.fixture(scope="module")
def compared(circuits_in: Command, runs: list[DiscoverRun], store: Path) -> Any:
    return circuits_in("compare", *(run.name for run in runs), "--runs", store, "--draws", "1", "--out", store / "four")


@pytest.fixture(scope="module")
def circuits_in() -> Command:
    from typer.testing import CliRunner

    from pipelines.cli.main import app

    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def summary(compared: Any, store: Path) -> dict[str, Any]:
    assert compared.exit_code == 0
    return json.loads((store / "four" / "summary.json").read_text())


def test_overlap_and_transfer_are_correlated_over_the_ordered_pairs(summary: dict[str, Any], compared: Any):
    found = summary["overlap_predicts_transfer"]
    rows = {(row["circuit"], row["task"]): row["faithfulness"] for row in summary["transfer"]["matrix"]}
    names = list(summary["runs"])
    transfer = np.array([[rows[a, b] for b in names] for a in names])
    overlaps = {frozenset((row["a"], row["b"])): row["edges_iou"] for row in summary["overlaps"]}
    overlap = np.array([[overlaps.get(frozenset((a, b)), 1.0) for b in names] for a in names])
    assert np.array(summary["matrices"]["transfer"]) == pytest.approx(transfer)
    assert np.array(summary["matrices"]["edges_iou"]) == pytest.approx(overlap)
    assert found["correlation"] == pytest.approx(spearmanr(transfer[OFF], overlap[OFF])[0])
    assert (found["n_pairs"], found["n_relabelings"], found["is_exact"]) == (12, 24, True)
    assert 24 * found["p_value"] == pytest.approx(round(24 * found["p_value"]))
    assert found["interval"][0] <= found["interval"][1]
    assert "does overlap predict transfer here? Spearman's correlation over 12 ordered pairs" in compared.stdout


def test_what_differs_adds_up(summary: dict[str, Any], runs: list[DiscoverRun], store: Path, compared: Any):
    edges = summary["diff"]["edges"]
    assert edges["n"] == len(edges["shared"]) + edges["n_in_some"] + sum(edges["n_only_in"].values())
    assert len(edges["pairs"]) == 6
    rows = list(csv.DictReader(io.StringIO((store / "four" / "diff.csv").read_text())))
    of_edges = [row for row in rows if row["kind"] == "edge"]
    assert len(of_edges) == edges["n"]
    for number, run in enumerate(runs):
        held = {row["name"] for row in of_edges if row[f"in_task{number}"] == "True"}
        assert held == {edge.name for edge in run.circuit.edges}
    assert f"edges: {len(edges['shared'])} of {edges['n']} in all circuits" in compared.stdout
    assert f"of {summary['diff']['nodes']['n']} ({summary['diff']['nodes']['kinds']}) in all" in compared.stdout
    assert summary["diff"]["nodes"]["kinds"].endswith(", input and logits")


def test_circuits_made_of_all_are_files_that_can_be_exported(
    summary: dict[str, Any], runs: list[DiscoverRun], store: Path, circuits_in: Command
):
    names = [row["circuit"] for row in summary["combined"]]
    assert names == ["union", "core-2", "core-3", "core-4", "consensus"]
    union = read_circuit((store / "four" / "union.json").read_bytes(), "union.json")
    assert {edge.name for edge in union.edges} == {edge.name for run in runs for edge in run.circuit.edges}
    table = circuits_in("export", store / "four" / "union.json", "--to", "csv", "--out", "-").stdout
    assert len(table.splitlines()) == 1 + len(union.nodes) + len(union.edges)
    assert {row["in_circuit"] for row in csv.DictReader(io.StringIO(table))} == {"true"}
    refused = circuits_in("export", store / "four", "--to", "csv")
    assert refused.exit_code == 2
    assert "holds no comparison.json: only comparisons of two runs have one" in refused.stderr
    assert "union.json" in refused.stderr


def test_tasks_are_clustered_by_overlap_and_by_transfer(summary: dict[str, Any], store: Path, compared: Any):
    assert set(summary["clusters"]) | set(summary["no_clusters"]) == {"overlap", "transfer"}
    last = summary["clusters"]["overlap"][-1]["clusters"]
    assert sorted(name for side in last for name in side) == sorted(summary["runs"])
    assert (store / "four" / "clusters.pdf").read_bytes().startswith(b"%PDF")
    assert "clusters by overlap (average linkage, distance): (" in compared.stdout


def test_a_run_does_not_differ_from_itself(runs: list[DiscoverRun], store: Path):
    same = compare(runs[0], runs[0], out=store, overlap_only=True, folder=store / "same")
    assert same.many.diff.is_empty
    assert same.summary["overlap_predicts_transfer"] is None
