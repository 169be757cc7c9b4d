"""What follows from comparing all circuits at once: their differences, circuits made of them, clusters, and whether
overlap predicts transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Component
from circuits.evaluation.faithfulness import Baseline
from circuits.evaluation.transfer import Member
from circuits.intervals import Interval, bootstrap
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.clusters import TaskTree, task_tree
from graphs.comparison.combined import consensus_of, core_of, union_of
from graphs.comparison.common_parts import in_common_parts
from graphs.comparison.diff_of_many import DiffOfMany, PartsDiff, diff_of_many
from graphs.comparison.level import nodes_in_words
from graphs.comparison.mantel import correlations, mantel
from pipelines.compare.plan import ComparePlan, TransferJobs
from pipelines.compare.stages import members_from
from pipelines.discover.run import DiscoverRun
from pipelines.runs.codec import baseline_from

Row = dict[str, Any]
_FEWEST = 4  # tasks whose relabelings can give a p below 5 %


@dataclass(frozen=True)
class OfMany:
    """All circuits of a comparison together.

    graphs    what was compared: the circuits, by layer where a causal trace is among them
    diff      in what they differ
    combined  file name, without its ending -> a circuit made of them; none where a causal trace is among them
    trees     what tasks are clustered by -> the clusters; none of two runs
    rows      all of this as plain values
    """

    graphs: tuple[CircuitGraph, ...]
    diff: DiffOfMany
    combined: Mapping[str, CircuitGraph]
    trees: Mapping[str, TaskTree]
    rows: Mapping[str, Any]


def of_many(plan: ComparePlan, labels: Sequence[str], transfer: Mapping[str, Any] | None) -> OfMany:
    """Differences and clusters of the circuits.

    labels    what the runs are called
    transfer  what `transfer_rows` says; None where no circuit was run on another task
    """
    runs, across = plan.runs, plan.across_models
    circuits = tuple(run.circuit for run in runs)
    graphs = in_common_parts(circuits)
    if graphs != circuits:  # scores are of heads, or of layers
        diff = diff_of_many(graphs, across_models=across)
    else:
        scores, node_scores = [run.scores for run in runs], [run.node_scores for run in runs]
        diff = diff_of_many(graphs, scores=scores, node_scores=node_scores, of_gap=True, across_models=across)
    combined: dict[str, CircuitGraph] = {}
    if all(isinstance(run, DiscoverRun) for run in runs):
        combined["union"] = union_of(graphs, across_models=across)
        for least in range(2, len(graphs) + 1):
            combined[f"core-{least}"] = core_of(graphs, least, across_models=across)
        combined["consensus"] = consensus_of(graphs, across_models=across)
    matrices = _matrices(diff, transfer, labels)
    trees, no_trees = _trees(matrices, labels)
    rows: Row = {
        "diff": {
            "nodes": _diff_row(diff.nodes, labels) | {"kinds": nodes_in_words(map(Component.parse, diff.nodes.names))},
            "edges": _diff_row(diff.edges, labels),
        },
        "combined": [
            {"circuit": name, "n_edges": graph.n_edges, "n_nodes": len(graph.nodes)} for name, graph in combined.items()
        ],
        "matrices": {name: _as_lists(matrix) for name, matrix in matrices.items()},
        "clusters": {name: _tree_row(tree) for name, tree in trees.items()},
        "no_clusters": no_trees,
        "overlap_predicts_transfer": _prediction(plan.transfer, matrices),
    }
    return OfMany(graphs, diff, combined, trees, rows)


def _diff_row(parts: PartsDiff, labels: Sequence[str]) -> Row:
    memberships = parts.memberships()
    return {
        "n": len(parts.names),
        "shared": list(parts.shared),
        "n_in_some": memberships.count("some"),
        "n_only_in": {label: len(parts.only_in(number)) for number, label in enumerate(labels)},
        "pairs": [
            {
                "a": labels[a],
                "b": labels[b],
                "n_compared": n_compared,
                "n_rescored": sum((one.a, one.b) == (a, b) for one in parts.rescored),
                "flipped": [one.name for one in parts.flipped if (one.a, one.b) == (a, b)],
            }
            for (a, b), n_compared in parts.compared.items()
        ],
        "not_compared": [{"a": labels[a], "b": labels[b], "reason": reason} for (a, b), reason in parts.untold.items()],
    }


def _matrices(diff: DiffOfMany, transfer: Mapping[str, Any] | None, labels: Sequence[str]) -> dict[str, Floats]:
    """Numbers of every pair of runs [run, run]; NaN where there is none."""
    n, place = len(labels), {label: number for number, label in enumerate(labels)}
    # Input, logits and key-value heads are no parts that circuits share or not, as in overlaps of two.
    are_parts = [part.is_node or part.is_sublayer for part in map(Component.parse, diff.nodes.names)]
    matrices = {"nodes_iou": _iou(diff.nodes.holds[are_parts]), "edges_iou": _iou(diff.edges.holds)}
    for name in ("rescored", "flipped"):
        counts = np.full((n, n), np.nan)
        for a, b in diff.edges.compared:
            counts[a, b] = counts[b, a] = sum((one.a, one.b) == (a, b) for one in getattr(diff.edges, name))
        np.fill_diagonal(counts, 0)
        matrices[f"edges_{name}"] = counts
    if transfer is None:
        return matrices
    for name in ("transfer", "retention"):
        matrices[name] = np.full((n, n), np.nan)
    for row in transfer["matrix"]:
        at = place[row["circuit"]], place[row["task"]]
        retention = row["retention"]
        for name, value in (("transfer", row["faithfulness"]), ("retention", retention and retention["value"])):
            matrices[name][at] = np.nan if value is None else value
    return matrices


def _iou(parts: Bools) -> Floats:
    """Intersection over union of every pair of circuits, of which `parts` [part, circuit] says what they hold; NaN of
    two empty ones."""
    holds = parts.astype(np.float64)
    shared, sizes = holds.T @ holds, holds.sum(axis=0)
    either = sizes[:, None] + sizes - shared
    return np.where(either > 0, shared / np.maximum(either, 1), np.nan)


def _trees(matrices: Mapping[str, Floats], labels: Sequence[str]) -> tuple[dict[str, TaskTree], dict[str, str]]:
    """The clusters of the tasks, and why there are none."""
    trees, missing = {}, {}
    if len(labels) < 3:
        return trees, missing
    for name, matrix in (("overlap", "edges_iou"), ("transfer", "retention")):
        if matrix not in matrices:
            missing[name] = "no circuit was run on another task"
        elif not np.isfinite(matrices[matrix]).all():
            missing[name] = "it is not defined for every pair"
        else:
            trees[name] = task_tree(labels, matrices[matrix])
    return trees, missing


def _tree_row(tree: TaskTree) -> list[Row]:
    """Which clusters meet at which distance, the nearest first."""
    return [
        {
            "clusters": [[tree.names[task] for task in tree.members(side)] for side in (merge.left, merge.right)],
            "distance": merge.height,
        }
        for merge in tree.merges
    ]


def _prediction(jobs: TransferJobs | None, matrices: Mapping[str, Floats]) -> Row | None:
    """Whether the overlap of circuits predicts what they do on each other's tasks; None of fewer than four runs."""
    overlap = matrices["edges_iou"]
    if jobs is None or len(overlap) < _FEWEST:
        return None
    nothing: Row = {"correlation": None, "interval": None, "p_value": None, "n_pairs": None}
    off = ~np.eye(len(overlap), dtype=np.bool_)
    if not (np.isfinite(overlap[off]).all() and np.isfinite(matrices["transfer"][off]).all()):
        return nothing | {"reason": "overlap or transfer is not defined for every pair"}
    tested = mantel(matrices["transfer"], overlap)
    if tested is None:
        return nothing | {"reason": "the overlap, or the transfer, of all pairs is the same"}
    return {
        "correlation": tested.correlation,
        "interval": _interval(jobs, overlap).as_json(),
        "p_value": tested.p_value,
        "n_pairs": int(off.sum()),
        "n_relabelings": tested.n_relabelings,
        "is_exact": tested.is_exact,
        "reason": None,
    }


def _interval(jobs: TransferJobs, overlap: Floats) -> Interval[float]:
    """Of the correlation, prompts of every task resampled; the circuits, and so their overlap, stay what they are."""
    kept, gaps = [], []
    for values, baseline in _on_every_task(jobs):
        kept.append(values - baseline.ablated)
        gaps.append(baseline.clean - baseline.ablated)

    def correlation(*counts: Floats) -> Floats:
        columns = []
        for of_task, of_circuits, gap in zip(counts, kept, gaps, strict=True):
            whole = of_task @ gap
            columns.append(of_task @ of_circuits.T / np.where(whole == 0, np.nan, whole)[:, None])
        return correlations(np.stack(columns, axis=-1), overlap)

    return bootstrap(correlation, *map(len, gaps)).item()


def _on_every_task(jobs: TransferJobs) -> list[tuple[Floats, Baseline]]:
    """Of every run's prompts: the metric [circuit, prompt] on the circuits of all runs, and the baseline."""
    read = []
    for of_run, of_task in zip(jobs.runs, jobs.on_task, strict=True):
        results = [jobs.store.read(job.key) for job in of_task]
        members = list(members_from(results[0]))
        rows = [members.index(Member("own", (run,))) for run in range(len(jobs.runs))]
        values = np.concatenate([result.arrays["values"][rows] for result in results], axis=1)
        read.append((values, baseline_from(jobs.store.read(of_run.judged_baseline.key))))
    return read


def _as_lists(matrix: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]
