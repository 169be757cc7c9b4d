"""What each stage computes: results of earlier jobs in, one result out. No files and no Dask here.

The stages stand at the end of the file. When a code change alters what one computes, raise its version there; that
of `measure` and `score_results` is the method's (`Method.scored_in`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.evaluation.budgets import BUDGETS, budget_circuits
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import (
    Baseline,
    Faithfulness,
    circuit_values,
    faithfulness,
)
from circuits.metrics import METRICS
from circuits.model.steps import whole
from circuits.scores import EdgeScores, Provenance
from graphs import CircuitGraph
from graphs.export import exporter
from pipelines.discover.choose import node_scores, selected_from
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import baseline_from, join_prompts, prompts_from, scores_from, scores_result
from pipelines.runs.stage_inputs import ablation_of, method_of, slice_of

if TYPE_CHECKING:
    from circuits.model.load import Model


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


def judge(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of the judging prompts on the circuit, all edges outside it carrying ablated values.

    Where the model refuses edges, all components outside it give their ablated outputs instead.
    """
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    runner = CircuitRunner(model(), slice_of(settings, inputs), metric, ablation)
    circuit = runner.circuit(chosen_edges(inputs))
    return Result({}, {"values": runner.values(circuit[None])[0]})


def chosen_edges(inputs: Inputs) -> Bools:
    """[edge] the circuit of a run, from its `choose` result."""
    return inputs["choose"][0].arrays["mask"]


def circuits_of_budgets(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """[ranking x budget, edge] the circuits of all budgets, by signed score and by magnitude."""
    scores = scores_from(inputs["edges"], prompts_from(inputs["chosen_on"][0]))
    circuits = [budget_circuits(scores, absolute=absolute) for absolute in (False, True)]
    return Result({}, {"circuits": np.concatenate(circuits)})


def curve(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of the judging prompts on the circuits of all budgets."""
    masks = inputs["budgets"][0].arrays["circuits"]
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    with whole():
        values = circuit_values(model(), slice_of(settings, inputs), masks, metric=metric, ablation=ablation)
    return Result({}, {"values": values.reshape(2, len(BUDGETS), -1)})


def build_graph(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The circuit, with the faithfulness that the judging prompts give it."""
    baseline, chosen = baseline_from(inputs["judged_baseline"][0]), inputs["choose"][0]
    values = join_prompts(inputs["judge"], "values")
    judged = faithfulness(values, baseline)
    on_choosing = faithfulness(chosen.arrays["values"], baseline_from(inputs["baseline"][0]))

    would_do = chosen.meta["would_do"]
    labels = {"task": settings["task"], "seed": settings["seed"]}
    edges = scores_from(inputs["edges"], prompts_from(inputs["prompts"][0]), **labels)
    nodes = node_scores(settings, inputs, edges, **labels)
    method = method_of((inputs["nodes"] or inputs["edges"])[0].meta)
    graph = CircuitGraph.from_scores(
        edges,
        selected_from(chosen, edges),
        node_scores=nodes,
        faithfulness=judged.mean,
        metrics=_metrics(baseline, values, judged, on_choosing)
        | {"least_faithfulness": 1 - settings["tolerance"]}
        | ({} if would_do is None else {"edges_that_would_do": would_do}),
        groups=method.head_groups(inputs, edges.wiring),
    )
    text = exporter("json").to_bytes(graph).decode()
    return Result({"graph": text})


def _metrics(baseline: Baseline, circuit: Floats, judged: Faithfulness, on_choosing: Faithfulness) -> dict[str, float]:
    measured = {
        "clean": float(baseline.clean.mean()),
        "corrupt": float(baseline.ablated.mean()),
        "circuit": float(circuit.mean()),
        "accuracy": baseline.accuracy,
        "top1": baseline.top1,
    }
    ends = None if judged.interval is None else judged.interval.as_json()
    measured |= {} if ends is None else {"faithfulness_low": ends[0], "faithfulness_high": ends[1]}
    measured["faithfulness_on_choosing"] = on_choosing.mean
    return {name: value for name, value in measured.items() if value is not None}


JUDGE = Stage("judge", 1, judge, title="judge the circuit")
BUDGET_CIRCUITS = Stage("budgets", 1, circuits_of_budgets, title="circuits of all sizes")
CURVE = Stage("curve", 2, curve)
GRAPH = Stage("graph", 9, build_graph)
