"""What each stage computes: results of earlier jobs in, one result out. No files and no Dask here.

The stages stand at the end of the file. When a code change alters what one computes, raise its version there; that
of `measure` and `score_results` is the method's (`Method.scored_in`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.evaluation.budgets import BUDGETS, budget_circuits
from circuits.evaluation.faithfulness import (
    Baseline,
    Faithfulness,
    circuit_values,
    component_circuit_values,
    faithfulness,
)
from circuits.masks import endpoints
from circuits.metrics import METRICS
from circuits.scores import ComponentScores, EdgeScores, Provenance
from graphs import CircuitGraph, Greedy, Selected, TopComponents, TopEdges, describe, selection_from
from graphs.export import exporter
from graphs.selection import ComponentThreshold, Selection, Threshold
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import baseline_from, join_prompts, prompts_from, scores_from, scores_result
from pipelines.runs.stage_inputs import ablation_of, method_of, slice_of

if TYPE_CHECKING:
    from circuits.model.load import Model

# Without a number of components: those that carry at least this share of the whole effect, clean minus corrupt.
NODE_SHARE = 0.02
_SIZE_STEPS = (1, 1.5, 2, 3, 5, 7)
_FEW_EDGES = 30


def measure(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """One method's scores of a slice of the prompts; edges not measured at all where the model refuses them."""
    method, prompts, metric = method_of(settings), slice_of(settings, inputs), METRICS[settings["metric"]]
    ablation = ablation_of(settings, inputs, model)
    if method.result == "edges" and "edges" in model().refusals:
        scores = _no_edges(model(), len(prompts), method.provenance(model(), prompts, metric, ablation))
    else:
        scores = method.score(model(), prompts, metric=metric, ablation=ablation)
    return scores_result(scores, method=settings["method"])


def score_results(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """One method's scores of all prompts, from what the last of its stages computed."""
    method, prompts, metric = method_of(settings), prompts_from(inputs["prompts"][0]), METRICS[settings["metric"]]
    ablation = ablation_of(settings, inputs, model)
    scores = method.scores_from(inputs, model(), prompts, metric=metric, ablation=ablation)
    return scores_result(scores, method=settings["method"])


def _no_edges(model: Model, n_prompts: int, provenance: Provenance) -> EdgeScores:
    n_edges = model.wiring.n_edges
    values = np.zeros((n_prompts, n_edges), dtype=np.float32)
    return EdgeScores(model.wiring, values, np.zeros(n_edges, dtype=np.bool_), provenance)


def select(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The candidate circuits: the one asked for, or a range of sizes from which faithfulness will choose."""
    prompts = prompts_from(inputs["prompts"][0])
    edges = scores_from(inputs["edges"], prompts)
    nodes = _node_scores(settings, inputs, edges)
    candidates: list[Selected] = []
    n_components = 0 if nodes is None else len(nodes.components)
    for selection in _selections(settings, edges, baseline_from(inputs["baseline"][0]), n_components=n_components):
        selected = selection.choose(edges, nodes)
        if not any(np.array_equal(selected.mask, other.mask) for other in candidates):
            candidates.append(selected)
    return Result(
        {"selections": [dict(selected.selection) for selected in candidates]},
        {"masks": np.stack([selected.mask for selected in candidates])},
    )


def _node_scores(
    settings: Mapping[str, Any], inputs: Inputs, edges: EdgeScores, **labels: Any
) -> ComponentScores | None:
    """Scores of components: measured, or summed over edges where components are to be chosen by an edge method."""
    nodes = scores_from(inputs["nodes"], prompts_from(inputs["prompts"][0]), **labels)
    return edges.node_scores() if nodes is None and settings["kind"] == "components" else nodes


def _selections(
    settings: Mapping[str, Any], edges: EdgeScores, baseline: Baseline, *, n_components: int
) -> list[Selection]:
    absolute = not settings["signed"]
    n_edges, threshold = settings["edges"], settings["threshold"]
    sizes = [n_edges] if n_edges is not None else candidate_sizes(edges.wiring.n_edges)
    if settings["kind"] == "edges":
        unscored = settings.get("keeps_unscored", False)
        if threshold is not None:
            return [Threshold(threshold, absolute=absolute, keeps_unscored=unscored)]
        if settings["greedy"]:
            return [Greedy(n, absolute=absolute) for n in sizes]
        return [TopEdges(n, absolute=absolute, keeps_unscored=unscored) for n in sizes]
    position = settings["position"]
    if settings.get("tries") == "components":
        numbers = candidate_sizes(n_components)
        return [TopComponents(n, position=position, absolute=absolute) for n in numbers]
    if settings["nodes"] is not None:
        return [TopComponents(settings["nodes"], n_edges=n, position=position, absolute=absolute) for n in sizes]
    if threshold is None:
        threshold = NODE_SHARE * abs(baseline.gap)
    return [ComponentThreshold(threshold, n_edges=n, position=position, absolute=absolute) for n in sizes]


def candidate_sizes(n_edges: int) -> list[int]:
    """Sizes to try: all for few edges, else about six per decade from a thousandth of all edges to all of them."""
    if n_edges <= _FEW_EDGES:
        return list(range(1, n_edges + 1))
    sizes = {int(step * 10**decade) for decade in range(len(str(n_edges))) for step in _SIZE_STEPS}
    return [*sorted(size for size in sizes if n_edges / 1000 <= size < n_edges), n_edges]


def evaluate(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of the prompts on every candidate circuit, all edges outside it carrying corrupt values.

    Where the model refuses edges, all components outside it give their corrupt outputs instead.
    """
    masks = inputs["select"][0].arrays["masks"]
    if "edges" not in model().refusals:
        return Result({}, {"values": _circuit_values(settings, inputs, model, masks)})
    wiring = model().wiring
    sources = endpoints(wiring).source
    components = np.stack([np.bincount(sources, weights=mask, minlength=len(wiring.writers)) > 0 for mask in masks])
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    values = component_circuit_values(model(), slice_of(settings, inputs), components, metric=metric, ablation=ablation)
    return Result({}, {"values": values})


def curve(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of the prompts on the circuits of all budgets, ranked by signed score and by magnitude."""
    scores = scores_from(inputs["edges"], prompts_from(inputs["prompts"][0]))
    masks = np.concatenate([budget_circuits(scores, absolute=absolute) for absolute in (False, True)])
    values = _circuit_values(settings, inputs, model, masks)
    return Result({}, {"values": values.reshape(2, len(BUDGETS), -1)})


def build_graph(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The circuit: the smallest candidate that is faithful within the tolerance, or the most faithful one."""
    prompts = prompts_from(inputs["prompts"][0])
    baseline = baseline_from(inputs["baseline"][0])
    values = join_prompts(inputs["evaluate"], "values")
    candidates = [faithfulness(row, baseline) for row in values]
    chosen = smallest_faithful([entry.mean for entry in candidates], settings["tolerance"])

    labels = {"task": settings["task"], "seed": settings["seed"]}
    edges = scores_from(inputs["edges"], prompts, **labels)
    nodes = _node_scores(settings, inputs, edges, **labels)
    selection = selection_from(inputs["select"][0].meta["selections"][chosen])
    selected = selection.choose(edges, nodes)
    method = method_of((inputs["nodes"] or inputs["edges"])[0].meta)
    graph = CircuitGraph.from_scores(
        edges,
        selected,
        node_scores=nodes,
        faithfulness=candidates[chosen].mean,
        metrics=_metrics(baseline, values[chosen], candidates[chosen]),
        groups=method.head_groups(inputs, edges.wiring),
    )
    text = exporter("json").to_bytes(graph).decode()
    found = {"graph": text, "selection": describe(selection), "candidate": chosen}
    return Result(found | ({"tied_out": dict(selected.tied_out)} if selected.tied_out else {}))


def smallest_faithful(means: Sequence[float | None], tolerance: float) -> int:
    """Index of the first candidate whose faithfulness is 1 within `tolerance`, else of the one closest to 1.

    Faithfulness is None where clean and corrupt do not differ: then the first, as nothing favors another.
    """
    distances = np.array([np.inf if mean is None else abs(1 - mean) for mean in means])
    faithful = np.flatnonzero(distances <= tolerance)
    return int(faithful[0]) if len(faithful) else int(distances.argmin())


def _metrics(baseline: Baseline, circuit: Any, estimate: Faithfulness) -> dict[str, float]:
    measured = {
        "clean": float(baseline.clean.mean()),
        "corrupt": float(baseline.ablated.mean()),
        "circuit": float(circuit.mean()),
        "accuracy": baseline.accuracy,
        "top1": baseline.top1,
    }
    ends = None if estimate.interval is None else estimate.interval.as_json()
    measured |= {} if ends is None else {"faithfulness_low": ends[0], "faithfulness_high": ends[1]}
    return {name: value for name, value in measured.items() if value is not None}


def _circuit_values(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel, masks: Any) -> Any:
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    return circuit_values(model(), slice_of(settings, inputs), masks, metric=metric, ablation=ablation)


SELECT = Stage("select", 3, select)
EVALUATE = Stage("evaluate", 1, evaluate)
CURVE = Stage("curve", 1, curve)
GRAPH = Stage("graph", 3, build_graph)
