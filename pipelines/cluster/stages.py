"""What the jobs of `circuits cluster` compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from circuits.evaluation.criteria import CircuitRunner
from circuits.metrics import METRICS
from graphs.comparison.prompt_clusters import (
    fixed_clusters,
    holding_edges,
    jaccard_distances,
    nearest_cluster,
    prompt_clusters,
)
from pipelines.discover.rules import made_rule
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from, scores_from
from pipelines.runs.stage_inputs import ablation_of


def cluster_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Clusters of the prompts, and circuits for them; runs no model.

    distances  [prompt, prompt]
    labels     [prompt] cluster of each prompt, of all together
    held_out   [held] numbers of the prompts that choose no circuit; `nearest` [held] the cluster that each goes to
    circuits   [1 + cluster, edge] chosen on the others: the one of all, then one per cluster. No row, with one cluster
    """
    prompts = prompts_from(inputs["prompts"][0])
    scores = scores_from(inputs["edges"], prompts)
    sets = holding_edges(scores.per_prompt, settings["share"])
    distances = jaccard_distances(sets)
    found = prompt_clusters(distances, most=settings["most"], strength=settings["strength"], seed=settings["seed"])
    order = np.random.default_rng(settings["seed"]).permutation(len(prompts))
    choosing, held_out = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    labels = fixed_clusters(distances[np.ix_(choosing, choosing)], found.n)
    nearest = nearest_cluster(distances[np.ix_(held_out, choosing)], labels)
    groups = [choosing, *(choosing[labels == number] for number in range(found.n))] if found.n > 1 else []
    rule = made_rule(settings["rule"], absolute=settings["absolute"], n=settings["n"])
    circuits = [rule.choose(scores.of_prompts(group)).mask for group in groups]
    arrays = {"distances": distances, "labels": found.labels, "held_out": held_out, "nearest": nearest}
    arrays["circuits"] = np.array(circuits, dtype=np.bool_).reshape(len(circuits), scores.wiring.n_edges)
    strengths = {str(n): strength for n, strength in found.strengths.items()}
    meta = {
        "strengths": strengths,
        "rule": settings["rule"]["name"],
        "edges_per_prompt": float(sets.sum(axis=1).mean()),
    }
    return Result(meta, arrays)


def judge_clusters(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of the held-out prompts on each of the circuits: `values` [circuit, held-out prompt]."""
    clustered, prompts = inputs["clusters"][0].arrays, prompts_from(inputs["prompts"][0])
    if not len(clustered["circuits"]):
        return Result({}, {"values": np.zeros((0, len(clustered["held_out"])))})
    held_out = tuple(prompts.prompts[number] for number in clustered["held_out"])
    chosen = replace(prompts, prompts=held_out, negatives=(), n_drawn=None, n_kept=None)
    runner = CircuitRunner(model(), chosen, METRICS[settings["metric"]], ablation_of(settings, inputs, model))
    return Result({}, {"values": runner.values(np.stack([runner.circuit(mask) for mask in clustered["circuits"]]))})


CLUSTER_PROMPTS = Stage("cluster-prompts", 1, cluster_prompts, title="cluster prompts")
JUDGE_CLUSTERS = Stage("judge-clusters", 1, judge_clusters, title="judge clusters")
