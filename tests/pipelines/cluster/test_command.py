"""`circuits cluster`: one cluster of a task, two of two tasks in one file, and circuits of each that do better."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.data.prompt_files import write_jsonl
from circuits.data.prompts import PromptSet
from circuits.tasks import TASKS
from pipelines import cluster, discover, trace
from tests.bundled import bundled

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clusters") / "runs"


@pytest.fixture(scope="module")
def mixed(store: Path) -> Any:
    """A run on the prompts of two tasks, shuffled; half of them choose."""
    model = bundled("reference")
    sets = [TASKS[task]().build(model.tokenizer, n=40).prompts for task in ("ioi", "greater-than")]
    prompts = [prompt for pair in zip(*sets, strict=True) for prompt in pair]
    random.Random(0).shuffle(prompts)
    path = store.parent / "mixed.jsonl"
    write_jsonl(PromptSet("mixed", tuple(prompts)), path)
    return discover(path, edges=70, out=store)


def test_two_tasks_in_one_file_are_two_clusters_whose_own_circuits_do_better(mixed: Any, store: Path):
    found = cluster(mixed, out=store)
    summary = found.summary
    assert summary["n_clusters"] == 2
    assert summary["prediction_strengths"]["2"] > 0.95
    # Only the prompts of IOI have the role IO: the clusters are the tasks.
    is_ioi = ["IO" in row["order_of_roles"].split() for row in found.rows]
    assert len({(row["cluster"], ioi) for row, ioi in zip(found.rows, is_ioi, strict=True)}) == 2
    assert summary["agreement"]["order_of_roles"]["p_value"] == 0.001
    gains = [row["gain"]["value"] for row in summary["circuits"]]
    assert max(gains) > 0.2
    assert min(gains) > -0.1
    assert sum(row["n_held_out"] for row in summary["circuits"]) == len(found.rows) // 2
    with (found.folder / "clusters.csv").open(newline="") as file:
        assert [int(line["cluster"]) for line in csv.DictReader(file)] == [row["cluster"] for row in found.rows]
    assert b"Distances between prompts" in (found.folder / "distances.svg").read_bytes()


def test_a_task_is_one_cluster_and_repeating_computes_nothing(circuits: Command):
    run = circuits("discover", "induction", "--prompts", "32", "--json").json["run"]
    answer = circuits("cluster", run, "--json").json
    assert answer["n_clusters"] == 1
    assert answer["circuits"] == []
    assert {row["cluster"] for row in answer["prompts"]} == {0}
    assert circuits("cluster", run, "--json").json["jobs"]["computed"] == 0
    assert "one cluster" in circuits("cluster", run).stdout


def test_runs_that_cannot_be_clustered_are_refused(tiny: Any, store: Path):
    few = discover(**tiny.settings(edges=20, judge_on="same", prompts=12, out=store))
    with pytest.raises(ValueError, match=r"scored 12 prompts: .* takes 16 or more"):
        cluster(few, out=store)
    nodes = discover(**tiny.settings(method="activation-patching", nodes=3, out=store))
    with pytest.raises(ValueError, match="no scores of edges for each prompt"):
        cluster(nodes, out=store)
    traced = trace(**tiny.settings(ablation="corrupt", metric="logit-difference", out=store))
    with pytest.raises(ValueError, match="is a causal trace"):
        cluster(traced, out=store)
