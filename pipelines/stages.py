"""What each stage computes: results of earlier jobs in, one result out. No files and no Dask here.

`STAGES` maps a stage's name to a function of (settings, inputs, model): settings and inputs as in `job.Job`, `model`
loads the model when called. A stage that does not call it runs without torch. When a code change alters results,
raise the stage's number in `job.STAGE_VERSIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.evaluation import (
    BUDGETS,
    Baseline,
    Faithfulness,
    budget_circuits,
    circuit_values,
    component_circuit_values,
    faithfulness,
    measure_baseline,
)
from circuits.image_prompts import image_prompts
from circuits.interventions import ABLATIONS, Mean
from circuits.metrics import METRICS
from circuits.prompt_files import read_jsonl
from circuits.scores import ComponentScores, EdgeScores, Provenance
from circuits.tasks import IMAGE_TASKS, TASKS
from graphs import CircuitGraph, Greedy, Selected, TopComponents, TopEdges, describe, selection_from
from graphs.export import exporter
from graphs.selection import ComponentThreshold, Selection, Threshold, endpoints
from pipelines.assemble import baseline_from, join_prompts, prompts_from, prompts_result, scores_from, scores_result
from pipelines.code_jobs import EXPLAINING
from pipelines.coding import CODING, codes_from
from pipelines.image_sources import asked, image_task
from pipelines.intervening import INTERVENING
from pipelines.judging import JUDGING
from pipelines.method_settings import make_method
from pipelines.results import Result
from pipelines.stage_inputs import Inputs, LoadModel, Stage, method_of
from pipelines.stage_inputs import ablation_of as _ablation
from pipelines.stage_inputs import slice_of as _slice
from pipelines.tracing import TRACING

if TYPE_CHECKING:
    from circuits.models import Model
    from circuits.prompts import PromptSet
    from circuits.vision import Vision

# Without a number of components: those that carry at least this share of the whole effect, clean minus corrupt.
NODE_SHARE = 0.02
_SIZE_STEPS = (1, 1.5, 2, 3, 5, 7)
_FEW_EDGES = 30


def build_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The prompts of a task for the model's tokenizer, or those of a prompt file; checked against its vocabulary."""
    loaded = model()
    if "questions" in settings:
        prompts = image_prompts(settings["name"], asked(settings), _vision(loaded, f"the file {settings['name']!r}"))
    elif "file" in settings:
        prompts = read_jsonl(Path(settings["path"]), loaded.tokenizer)[: settings["n"]]
        prompts = replace(prompts, negatives=prompts.negatives[: settings.get("n_negatives")])
    else:
        prompts = _drawn(settings, loaded)
    loaded.check_prompts(prompts)
    return prompts_result(prompts)


def _drawn(settings: Mapping[str, Any], loaded: Model) -> PromptSet:
    """The prompts of a task, for the model's tokenizer or its processor."""
    task, n_prompts, seed = settings["task"], settings["n"], settings["seed"]
    if task in IMAGE_TASKS:
        return image_task(settings).build(_vision(loaded, f"task {task!r}"), n=n_prompts, seed=seed)
    if loaded.tokenizer is None:
        raise ValueError(
            f"task {task!r} is made of words, and the model {loaded.name!r} has no tokenizer. "
            "Give a prompt file of token ids (clean_ids, corrupt_ids, answer_ids)."
        )
    return TASKS[task](corruption=settings["corruption"]).build(loaded.tokenizer, n=n_prompts, seed=seed)


def _vision(loaded: Model, asking: str) -> Vision:
    if loaded.vision is None:
        raise ValueError(
            f"{asking} asks about images, and the model {loaded.name!r} reads text alone. Choose a model that reads "
            "images, such as reference-vlm."
        )
    return loaded.vision


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Nothing, or a ValueError: whether the metric and every method can be used on this model and these prompts.

    A component method goes without edge scores where the model refuses edges.
    """
    prompts = prompts_from(inputs["prompts"][0])
    metric = METRICS[settings["metric"]]
    metric.check(prompts)
    if (position := settings.get("position")) is not None and position not in prompts.roles:
        raise ValueError(f"position is {position!r}; the prompts have the roles {', '.join(prompts.roles)}.")
    ablation = ABLATIONS[settings["ablation"]["name"]](**settings["ablation"]["settings"])
    asked, *for_edges = (make_method(entry["name"], entry["settings"]) for entry in settings["methods"])
    for method in (asked, *(() if "edges" in model().refusals else for_edges)):
        method.check(model(), prompts, metric, ablation)
    return Result({"checked": True})


def measure_clean_and_corrupt(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of every clean and corrupt prompt, and whether the model answers it correctly."""
    prompts = prompts_from(inputs["prompts"][0])
    ablation = _ablation(settings, inputs, model)
    baseline = measure_baseline(model(), prompts, metric=METRICS[settings["metric"]], ablation=ablation)
    # A model that predicts one number is neither right nor wrong.
    judged = {} if baseline.is_correct is None else {"is_correct": baseline.is_correct}
    cost = {"forward_multiply_adds": model().forward.multiply_adds(sum(map(len, prompts)))}
    return Result(cost, {"clean": baseline.clean, "corrupt": baseline.ablated} | judged)


def measure_reference(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What a mean ablation puts in: mean values over the clean prompts."""
    ablation = ABLATIONS[settings["ablation"]["name"]]().fitted(model(), prompts_from(inputs["prompts"][0]))
    assert isinstance(ablation, Mean)
    assert ablation.means is not None
    means = ablation.means
    arrays = {"embedded": means.embedded} | {
        f"{name}{layer}": value
        for name, values in (("z", means.z), ("mlp", means.mlp))
        for layer, value in enumerate(values)
    }
    return Result({}, {name: value.float().cpu().numpy() for name, value in arrays.items()})


def measure(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """One method's scores of a slice of the prompts; edges not measured at all where the model refuses them."""
    method, prompts, metric = method_of(settings), _slice(settings, inputs), METRICS[settings["metric"]]
    ablation = _ablation(settings, inputs, model)
    if method.result == "edges" and "edges" in model().refusals:
        scores = _no_edges(model(), len(prompts), method.provenance(model(), prompts, metric, ablation))
    else:
        scores = method.score(model(), prompts, metric=metric, ablation=ablation)
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
    metric, ablation = METRICS[settings["metric"]], _ablation(settings, inputs, model)
    values = component_circuit_values(model(), _slice(settings, inputs), components, metric=metric, ablation=ablation)
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
    graph = CircuitGraph.from_scores(
        edges,
        selection.choose(edges, nodes),
        node_scores=nodes,
        faithfulness=candidates[chosen].mean,
        metrics=_metrics(baseline, values[chosen], candidates[chosen]),
        groups=_head_groups(inputs["codes"], edges.wiring.n_heads) if "codes" in inputs else None,
    )
    text = exporter("json").to_bytes(graph).decode()
    return Result({"graph": text, "selection": describe(selection), "candidate": chosen})


def _head_groups(results: Sequence[Result], n_heads: int) -> dict[str, int]:
    """Head -> number of its group, from the codes of all trials."""
    from circuits.coding.grouping import named_groups

    stored = codes_from(results)
    return named_groups([(stored.codes, stored.is_positive)], n_heads)


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
        "faithfulness_low": estimate.low,
        "faithfulness_high": estimate.high,
    }
    return {name: value for name, value in measured.items() if value is not None}


def _circuit_values(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel, masks: Any) -> Any:
    metric, ablation = METRICS[settings["metric"]], _ablation(settings, inputs, model)
    return circuit_values(model(), _slice(settings, inputs), masks, metric=metric, ablation=ablation)


STAGES: dict[str, Stage] = {
    "prompts": build_prompts,
    "check": check,
    "reference": measure_reference,
    "baseline": measure_clean_and_corrupt,
    "measure": measure,
    "select": select,
    "evaluate": evaluate,
    "curve": curve,
    "graph": build_graph,
    **CODING,
    **EXPLAINING,
    **JUDGING,
    **TRACING,
    **INTERVENING,
}
