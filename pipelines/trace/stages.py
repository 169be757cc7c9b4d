"""What the stages of a causal trace compute: `trace`, and the graph of the layers that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from circuits.data.prompts import PromptSet
from circuits.methods.causal_tracing import CausalTracing
from circuits.metrics import METRICS
from circuits.recovery import Trace
from circuits.scores import ComponentScores, EdgeScores
from graphs import CircuitGraph
from graphs.export import exporter
from graphs.selection import ComponentThreshold
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import join_prompts, prompts_from, scores_from, scores_result
from pipelines.runs.stage_inputs import ablation_of, method_of, slice_of


def trace(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A slice of the prompts traced: what every component brings back, and the metric clean and corrupt."""
    method, prompts = method_of(settings), slice_of(settings, inputs)
    assert isinstance(method, CausalTracing)
    ablation = ablation_of(settings, inputs, model)
    traced = method.trace(model(), prompts, metric=METRICS[settings["metric"]], ablation=ablation)
    result = scores_result(traced.scores, method=settings["method"])
    return Result(result.meta, {**result.arrays, "clean": traced.clean, "corrupt": traced.corrupt})


def trace_positions(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """One prompt traced at every position, with the image as the model sees it and where its patches are."""
    (prompt,) = slice_of(settings, inputs)
    if prompt.image is None or prompt.image_tokens is None:
        raise ValueError(
            f"prompt {settings['slice'][0]} has no image to show recovery rates on: leave out draw_images."
        )
    traced, vision = trace(settings, inputs, model), model().vision
    assert vision is not None, "the check refuses images where the model reads none"
    first, stop = prompt.image_tokens
    seen = vision.seen(prompt.image)
    grid = vision.coverage(np.ones(prompt.image.pixels().shape[:2], dtype=np.bool_), stop - first).shape
    asked = vision.processor.tokenizer.decode(list(prompt.clean[stop:]), skip_special_tokens=True)
    # A token for the whole image precedes those of the patches.
    meta = {"grid": list(grid), "first": stop - grid[0] * grid[1], "asked": " ".join(asked.split())}
    return Result({**traced.meta, **meta}, {**traced.arrays, "seen": seen})


def build_graph(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The layers whose attention or MLP brings back at least a share of the effect at one position, as a graph."""
    prompts = prompts_from(inputs["prompts"][0])
    traced = trace_from(inputs["trace"], prompts, task=settings["task"], seed=settings["seed"])
    return Result({"graph": exporter("json").to_bytes(layer_graph(traced, settings)).decode()})


def layer_graph(traced: Trace, settings: Mapping[str, Any]) -> CircuitGraph:
    """What brings back at least `min_recovery` at `position`: attention and MLP outputs, or, with none traced, heads.

    Edges are not measured: all that may run between these are there. Hidden states are not components of a graph: with
    them alone, it is empty. Where the metric is no higher clean than corrupt, no layer is in it. ValueError for a
    position that was not traced.
    """
    position, gap = settings["position"] or traced.scores.positions[-1], float(traced.gaps.mean())
    if position not in traced.scores.positions:
        raise ValueError(f"position is {position!r}; the trace has positions {', '.join(traced.scores.positions)}.")
    nodes = graph_scores(traced.scores)
    if nodes is None:
        reason = "only hidden states were traced, which are not part of a circuit."
        return CircuitGraph(traced.scores.wiring.by_layer, (), (), reason=reason, provenance=traced.scores.provenance)
    # Without a gap there is no share of it that anything could bring back.
    minimum = settings["min_recovery"] * gap if gap > 0 else float(np.abs(nodes.means).max()) + 1
    chosen = ComponentThreshold(minimum, position=position, absolute=False, keeps_unscored=False)
    metrics = {"clean": float(traced.clean.mean()), "corrupt": float(traced.corrupt.mean())}
    return CircuitGraph.from_scores(no_edges(nodes), chosen, node_scores=nodes, metrics=metrics)


def graph_scores(scores: ComponentScores) -> ComponentScores | None:
    """The scores that a graph is made of: of attention and MLP outputs on the wiring of layers, else of heads.

    None where only hidden states were traced, which lie between the components of a wiring.
    """
    for wiring in (scores.wiring.by_layer, scores.wiring):
        kept = [number for number, part in enumerate(scores.components) if part.kind in wiring.node_kinds]
        if kept:
            return replace(
                scores,
                wiring=wiring,
                components=tuple(scores.components[number] for number in kept),
                per_prompt=scores.per_prompt[..., kept],
                measured=scores.measured[..., kept],
            )
    return None


def no_edges(scores: ComponentScores) -> EdgeScores:
    """Scores of no edge at all, for the graph of components."""
    n_edges = scores.wiring.n_edges
    values = np.zeros((scores.n_prompts, n_edges), dtype=np.float32)
    return EdgeScores(scores.wiring, values, np.zeros(n_edges, dtype=np.bool_), scores.provenance)


def trace_from(results: Sequence[Result], prompts: PromptSet, **provenance: Any) -> Trace:
    """The trace of all slices."""
    scores = scores_from(results, prompts, **provenance)
    return Trace(scores, join_prompts(results, "clean"), join_prompts(results, "corrupt"))


TRACE = Stage("trace", 1, trace)
TRACE_POSITIONS = Stage("trace-positions", 1, trace_positions, title="trace all positions")
TRACE_GRAPH = Stage("trace-graph", 3, build_graph, title="graph of the trace")
