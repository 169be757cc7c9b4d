"""Whether the prompts of a run use one circuit, from stored results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.data.prompts import END, Prompt
from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.intervals import ratio_t_interval
from graphs.comparison.prompt_clusters import PERMUTATIONS, agreement
from pipelines.cluster.plan import ClusterPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import baseline_from, prompts_from


@dataclass(frozen=True, kw_only=True)
class ClusterReport(Report):
    """The clusters of a run's prompts.

    distances  [prompt, prompt] Jaccard distances of the prompts' edges
    summary    every number as plain values
    rows       one per prompt: its cluster, and what is known of it without running a model

    >>> from pipelines import cluster, discover
    >>> report = cluster(discover("induction", prompts=32))
    >>> report.distances.shape, len(report.rows), report.summary["n_clusters"]
    ((16, 16), 16, 1)
    """

    format = Format("circuit-workbench-clusters", 1)
    distances: Floats
    summary: Row
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.summary, "prompts": list(self.rows)}


def report(plan: ClusterPlan) -> ClusterReport:
    """Clusters, what they agree with, and what the circuit of each does beside the one of all."""
    store, run = plan.store, plan.run
    found, prompts = store.read(plan.clusters.key), prompts_from(store.read(plan.jobs.choosing.key))
    labels, held_out, nearest = (found.arrays[name] for name in ("labels", "held_out", "nearest"))
    n = int(labels.max()) + 1
    values = store.read(plan.judged.key).arrays["values"]
    baseline = _of_prompts(baseline_from(store.read(plan.jobs.baseline.key)), held_out)
    rows = tuple(
        {"prompt": number, "cluster": int(label), **_told(prompt), "is_held_out": bool(number in held_out)}
        for number, (prompt, label) in enumerate(zip(prompts, labels, strict=True))
    )
    summary = {
        "run": run.name,
        "task": run.circuit.label,
        "n_prompts": len(prompts),
        "edges_per_prompt": found.meta["edges_per_prompt"],
        "n_clusters": n,
        "sizes": np.bincount(labels).tolist(),
        "prediction_strengths": found.meta["strengths"],
        "strength": plan.clusters.settings["strength"],
        "agreement": {name: _agreement(labels, [row[name] for row in rows]) for name in _TOLD} if n > 1 else None,
        "rule": found.meta["rule"],
        "circuits": _circuits(found.arrays["circuits"], values, baseline, nearest),
    }
    return ClusterReport(folder=plan.folder, distances=found.arrays["distances"], summary=summary, rows=rows)


_TOLD = ("tokens", "order_of_roles")


def _told(prompt: Prompt) -> Row:
    """What can be told of a prompt's template without knowing it: its length, and in which order its roles stand."""
    first = {role: positions[0] for role, positions in prompt.roles.items() if role != END}
    return {"tokens": len(prompt), "order_of_roles": " ".join(sorted(first, key=lambda role: (first[role], role)))}


def _agreement(labels: Numbers, values: Sequence[Any]) -> Row | None:
    """Adjusted Rand index of the clusters with a property, and its permutation p-value; None where all are alike."""
    different, numbers = np.unique(np.array(values), return_inverse=True)
    if len(different) < 2:
        return None
    rand, p = agreement(labels, numbers)
    return {"adjusted_rand": rand, "p_value": p, "permutations": PERMUTATIONS, "n_values": len(different)}


def _circuits(circuits: Bools, values: Floats, baseline: Baseline, nearest: Numbers) -> list[Row]:
    """Of every cluster its circuit and the one of all, on the held-out prompts that go to it; none with one cluster."""
    rows = []
    for number, circuit in enumerate(circuits[1:]):
        here = np.flatnonzero(nearest == number)
        own, of_all = values[number + 1, here], values[0, here]
        judged = _of_prompts(baseline, here)
        either = np.count_nonzero(circuit | circuits[0])
        row = {"cluster": number, "n_held_out": len(here), "n_edges": int(circuit.sum())}
        row |= {"iou_with_all": float(np.count_nonzero(circuit & circuits[0]) / either) if either else None}
        if len(here) and judged.has_gap:
            gain = ratio_t_interval(own - of_all, judged.clean - judged.ablated).item()
            row |= {
                "own": _faithfulness(own, judged),
                "of_all": _faithfulness(of_all, judged),
                "gain": {"value": float((own - of_all).mean() / judged.gap), "interval": gain.as_json()},
            }
        rows.append(row)
    return rows


def _faithfulness(values: Floats, baseline: Baseline) -> Row:
    measured = faithfulness(values, baseline)
    return {"value": measured.mean, "interval": None if measured.interval is None else measured.interval.as_json()}


def _of_prompts(baseline: Baseline, numbers: Numbers) -> Baseline:
    return Baseline(baseline.clean[numbers], baseline.ablated[numbers], None)
