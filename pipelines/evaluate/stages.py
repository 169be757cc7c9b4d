"""What the stages compute that evaluate a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Component
from circuits.evaluation.budgets import node_budget_circuits
from circuits.evaluation.criteria import CircuitRunner, stability
from circuits.evaluation.faithfulness import component_circuit_values
from circuits.evaluation.hypotheses import HypothesisRuns, hypothesis_runs
from circuits.evaluation.knockouts import (
    GRADIENT_RUNS,
    Knockouts,
    KnockoutSearch,
    KnockoutValues,
    knockout_values,
    search_knockouts,
)
from circuits.evaluation.sizes import PASSES_PER_RUN
from circuits.masks import Parts, edges_among, random_circuits, random_circuits_of, random_component_sets
from circuits.metrics import METRICS
from circuits.model.phases import phase
from circuits.model.steps import Steps, whole
from circuits.scores import ComponentScores
from graphs.selection import means_at
from pipelines.discover.stages import chosen_edges
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import join_prompts, prompts_from, scores_from
from pipelines.runs.stage_inputs import ablation_of, slice_of

_ARRAYS = tuple(entry.name for entry in fields(HypothesisRuns) if entry.name != "n_parts")


def find_knockouts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Sets of components to knock out, searched on one slice of the prompts."""
    runner = _runner(settings, inputs, model)
    circuit = runner.circuit(chosen_edges(inputs))
    search = KnockoutSearch(**settings["search"])
    with whole():
        of_recording = runner.recording / PASSES_PER_RUN
        loop = Steps(of_recording + search.n_search_runs(len(runner.parts.members(circuit))))
        with loop.next_step(of_recording):
            runner.record()
        values, effects = _as_steps(loop, runner.values, 1), _as_steps(loop, runner.removal_effects, GRADIENT_RUNS)
        knockouts = search_knockouts(values, effects, runner.parts, circuit, search)
    return Result({"level": runner.level}, knockouts._asdict())


def measure_knockouts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts with each of the sets from the search knocked out."""
    runner = _runner(settings, inputs, model)
    circuit = runner.circuit(chosen_edges(inputs))
    values = knockout_values(runner.all_values, runner.parts, circuit, knockouts_from(inputs["search"][0]))
    return Result({"level": runner.level}, values._asdict())


def measure_random_circuits(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts, for random circuits as large as the run's."""
    runner = _runner(settings, inputs, model)
    circuit, n, seed = runner.circuit(chosen_edges(inputs)), settings["n"], settings["seed"]
    with phase(f"drawing {n} random circuits"):
        if runner.level == "edges":
            drawn = random_circuits(runner.model.wiring, circuit, n=n, seed=seed)
        else:
            drawn = random_component_sets(circuit, n=n, seed=seed)
    meta = {"level": runner.level, "size": int(circuit.sum()), "sizes": drawn.sum(axis=1).tolist()}
    return Result(meta, {"values": runner.all_values(drawn)})


def measure_random_curve(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric [size, random circuit, prompt] on a slice of the prompts, for random circuits of several sizes."""
    runner = _runner(settings, inputs, model)
    sizes, options = settings["sizes"], {name: settings[name] for name in ("n", "seed")}
    with phase(f"drawing {options['n']} random circuits of each of {len(sizes)} sizes"):
        drawn = np.stack([random_circuits_of(runner.model.wiring, size, **options) for size in sizes])
    values = runner.all_values(drawn.reshape(-1, drawn.shape[-1]))
    meta = {"sizes": sizes, "drawn": drawn.sum(axis=-1).tolist()}
    return Result(meta, {"values": values.reshape(*drawn.shape[:2], -1)})


def measure_node_curve(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts, for circuits of components, by signed score and by magnitude.

    `sizes` [2, budget] are the weighted edge counts. A circuit of all edges among some components is a circuit that
    keeps these components' outputs, so it is run as one: models that do not support edges get a curve as well.
    """
    scores = scores_from(inputs["nodes"], prompts_from(inputs["chosen_on"][0]))
    circuits = np.stack([_budgets(scores, settings["position"], absolute=absolute) for absolute in (False, True)])
    runner = _runner(settings, inputs, model)
    with whole():
        values = component_circuit_values(
            runner.model,
            runner.prompts,
            circuits.reshape(-1, circuits.shape[-1]),
            metric=runner.metric,
            ablation=runner.ablation,
        )
    sizes = edges_among(scores.wiring, circuits).sum(axis=-1)
    return Result({"sizes": sizes.tolist()}, {"values": values.reshape(*circuits.shape[:2], -1)})


def measure_stability(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Mean Jaccard overlap of the circuits of resampled prompts; None where resampling is uninformative."""
    circuit = chosen_edges(inputs)
    prompts = prompts_from(inputs["prompts"][0])
    edges, nodes = scores_from(inputs["edges"], prompts), scores_from(inputs["nodes"], prompts)
    if settings["kind"] == "components":
        ranked = edges.node_scores() if nodes is None else nodes
        per_prompt, components = _rows_of_components(ranked, settings["position"])
        members = Parts.edges(edges.wiring).members(circuit)
        n = sum(edges.wiring.writer_index(component) in members for component in components)
    else:
        per_prompt, n = edges.per_prompt[:, edges.measured], int(circuit.sum())
    options = {name: settings[name] for name in ("absolute", "resamples", "seed")}
    return Result({"jaccard": stability(per_prompt, n=n, **options), "n": n})


def measure_hypotheses(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts, for the circuits that the hypothesis tests need."""
    runner = _runner(settings, inputs, model)
    circuit = runner.circuit(chosen_edges(inputs))
    options = {name: settings[name] for name in ("draws", "most", "seed")}
    runs = hypothesis_runs(runner.all_values, runner.model.wiring, circuit, **options)
    return Result({"level": runner.level, "n_parts": runs.n_parts}, {name: getattr(runs, name) for name in _ARRAYS})


def hypothesis_runs_from(results: tuple[Result, ...]) -> HypothesisRuns:
    """The scores of all slices of `hypotheses` jobs."""
    first = results[0]
    joined = {name: join_prompts(results, name) for name in _ARRAYS if name != "tested"}
    return HypothesisRuns(**joined, tested=first.arrays["tested"], n_parts=first.meta["n_parts"])


def knockouts_from(result: Result) -> Knockouts:
    """The sets of a `search-knockouts` job."""
    return Knockouts(**result.arrays)


def knockout_values_from(results: tuple[Result, ...]) -> KnockoutValues:
    """The values of all slices of `knockouts` jobs."""
    return KnockoutValues(*(join_prompts(results, name) for name in KnockoutValues._fields))


def _runner(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> CircuitRunner:
    ablation = ablation_of(settings, inputs, model)
    return CircuitRunner(model(), slice_of(settings, inputs), METRICS[settings["metric"]], ablation)


def _as_steps(loop: Steps, run: Callable[[Bools], Floats], cost: int) -> Callable[[Bools], Floats]:
    """A function of circuits each call of which is a step of a loop; `cost` of a circuit, in runs."""

    def run_as_step(circuits: Bools) -> Floats:
        with loop.next_step(cost * len(circuits)):
            return run(circuits)

    return run_as_step


def _budgets(scores: ComponentScores, position: str | None, *, absolute: bool) -> Bools:
    """[budget, writer] the heads and MLPs with the highest mean scores."""
    averaged = means_at(scores, position)
    usable = _usable(scores, averaged.measured)
    strength = averaged.means[usable]
    components = [scores.components[number] for number in usable]
    return node_budget_circuits(scores.wiring, components, np.abs(strength) if absolute else strength)


def _rows_of_components(scores: ComponentScores, position: str | None) -> tuple[Floats, list[Component]]:
    """Scores [prompt, component] of heads and MLPs at a position, for prompts that have it; and the components."""
    averaged = means_at(scores, position)
    usable = _usable(scores, averaged.measured)
    there = scores.at(averaged.position)
    has_position = there.measured[:, 0].any(axis=1)
    return there.per_prompt[has_position, 0][:, usable], [scores.components[number] for number in usable]


def _usable(scores: ComponentScores, measured: Bools) -> list[int]:
    """Indices of the measured heads and MLPs."""
    return [n for n, part in enumerate(scores.components) if part.is_node and measured[n]]


SEARCH_KNOCKOUTS = Stage("search-knockouts", 3, find_knockouts, title="search for sets to knock out")
KNOCKOUTS = Stage("knockouts", 3, measure_knockouts, title="knock out sets")
RANDOM_CIRCUITS = Stage("random-circuits", 2, measure_random_circuits, title="run random circuits")
RANDOM_CURVE = Stage("random-curve", 1, measure_random_curve, title="run random circuits of all sizes")
NODE_CURVE = Stage("node-curve", 2, measure_node_curve, title="run circuits of more and more components")
HYPOTHESIS_RUNS = Stage("hypothesis-runs", 2, measure_hypotheses, title="run circuits for hypotheses")
STABILITY = Stage("stability", 2, measure_stability, title="choose again from resampled scores")
