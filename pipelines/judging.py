"""The jobs that judge a finished run, and what each of their stages computes.

    select, graph --> search-knockouts --> knockouts
    select, graph --> random-circuits
    measure       --> curve (edge methods), node-curve (component methods)
    measure, select, graph --> stability (no model run)

`search-knockouts` uses the first slice of the prompts only; `knockouts`, `random-circuits` and the curves are one
job per slice. A run is judged on its own prompts, under its own metric and ablation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from circuits.components import Component
from circuits.evaluation import component_circuit_values
from circuits.judge import CircuitRunner, stability
from circuits.knockouts import Knockouts, KnockoutSearch, KnockoutValues, knockout_values, search_knockouts
from circuits.masks import Parts, edges_among, node_budget_circuits, random_circuits, random_component_sets
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.scores import Bools, ComponentScores, Floats
from graphs.selection import means_at
from pipelines.assemble import join_prompts, prompts_from, scores_from
from pipelines.job import Job, keys_of
from pipelines.plan import Jobs
from pipelines.results import Result
from pipelines.runs import Run, jobs_of
from pipelines.stage_inputs import Inputs, LoadModel, Stage, ablation_of, slice_of

# Cost of running one circuit on one prompt, in the unit of `Job.weight`.
_CIRCUIT = 0.4


@dataclass(frozen=True)
class Asked:
    """How much to compute. Anything set to 0 is skipped."""

    random: int = 20  # random circuits of the same size
    knockouts: int = 8  # random sets of components to knock out
    resamples: int = 100  # bootstrap resamples of the prompts for the stability
    seed: int = 0

    def __post_init__(self) -> None:
        for name, smallest in (("random", 0), ("knockouts", 0), ("resamples", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name} is {value!r}: give a whole number, {smallest} or more.")
        if self.resamples == 1:
            raise ValueError("resamples is 1: circuits of resamples are compared in pairs; give 2 or more, or 0.")


class JudgeJobs(NamedTuple):
    """All jobs that judging one run takes, including those of the run itself. Empty or None: not requested."""

    run: Jobs
    search: Job | None
    knockouts: tuple[Job, ...]
    random: tuple[Job, ...]
    node_curve: tuple[Job, ...]
    stability: Job | None

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        single = [job for job in (self.search, self.stability) if job is not None]
        return (*self.run.all, *single, *self.knockouts, *self.random, *self.node_curve)


def judge_jobs(run: Run, asked: Asked) -> JudgeJobs:
    """The jobs that judge a run, done or not. ValueError if the run can no longer be planned as it was."""
    method = METHODS[run.config.method]
    scores_components = method.result == "components"
    jobs = jobs_of(run, curve=not scores_components and method.scores_paths)
    chosen = {"select": (jobs.select.key,), "graph": (jobs.graph.key,)}
    search, knockouts = _knockout_jobs(run, jobs, asked, chosen)
    random: tuple[Job, ...] = ()
    if asked.random and run.graph.edges:
        random = _sliced(jobs, "random-circuits", {"n": asked.random, "seed": asked.seed}, chosen, asked.random)
    node_curve: tuple[Job, ...] = ()
    if scores_components:
        nodes = {"nodes": keys_of(jobs.measure_nodes)}
        node_curve = _sliced(jobs, "node-curve", {"position": run.config.position}, nodes, 20)
    stable = None
    if asked.resamples and run.graph.edges:
        ranked = {
            "kind": jobs.select.settings["kind"],
            "absolute": not run.config.signed,
            "position": run.config.position,
        }
        of_scores = {name: jobs.select.inputs[name] for name in ("prompts", "edges", "nodes")}
        stable = Job("stability", ranked | {"resamples": asked.resamples, "seed": asked.seed}, of_scores | chosen)
    return JudgeJobs(jobs, search, knockouts, random, node_curve, stable)


def _knockout_jobs(
    run: Run, jobs: Jobs, asked: Asked, chosen: Mapping[str, tuple[str, ...]]
) -> tuple[Job | None, tuple[Job, ...]]:
    n = sum(node.component.kind in ("head", "mlp") for node in run.graph.nodes)
    if not asked.knockouts or not n:
        return None, ()
    size = KnockoutSearch(sets=asked.knockouts, seed=asked.seed)
    grown = 2 * size.steps * size.candidates
    cost = grown + n * (size.sets + 1 + grown)
    search = _sliced(jobs, "search-knockouts", {"search": asdict(size)}, chosen, cost)[0]
    inputs = {**chosen, "search": (search.key,)}
    return search, _sliced(jobs, "knockouts", {}, inputs, 2 * (size.sets + size.steps) + 4 * n)


def _sliced(
    jobs: Jobs, stage: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[str, ...]], n_circuits: int
) -> tuple[Job, ...]:
    """One job per slice of the run's prompts, on the same model, metric and ablation as its baseline."""
    baseline = jobs.baseline
    sliced = []
    for evaluated in jobs.evaluate:
        start, stop = evaluated.settings["slice"]
        sliced.append(
            Job(
                stage,
                {**baseline.settings, **settings, "slice": [start, stop]},
                {**baseline.inputs, **inputs},
                baseline.locations,
                after=baseline.after,
                weight=_CIRCUIT * n_circuits * (stop - start),
            )
        )
    return tuple(sliced)


# --- stages --------------------------------------------------------------------------------------------------------


def find_knockouts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Sets of components to knock out, searched on one slice of the prompts."""
    runner = _runner(settings, inputs, model)
    circuit = runner.circuit(chosen_edges(inputs))
    knockouts = search_knockouts(runner.values, runner.parts, circuit, KnockoutSearch(**settings["search"]))
    return Result({"level": runner.level}, knockouts._asdict())


def measure_knockouts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts with each of the sets from the search knocked out."""
    runner = _runner(settings, inputs, model)
    circuit = runner.circuit(chosen_edges(inputs))
    values = knockout_values(runner.values, runner.parts, circuit, knockouts_from(inputs["search"][0]))
    return Result({"level": runner.level}, values._asdict())


def measure_random_circuits(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts, for random circuits as large as the run's."""
    runner = _runner(settings, inputs, model)
    circuit, n, seed = runner.circuit(chosen_edges(inputs)), settings["n"], settings["seed"]
    if runner.level == "edges":
        drawn = random_circuits(runner.model.wiring, circuit, n=n, seed=seed)
    else:
        drawn = random_component_sets(circuit, n=n, seed=seed)
    meta = {"level": runner.level, "size": int(circuit.sum()), "sizes": drawn.sum(axis=1).tolist()}
    return Result(meta, {"values": runner.values(drawn)})


def measure_node_curve(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric on a slice of the prompts, for circuits of components, by signed score and by magnitude.

    `sizes` [2, budget] are the weighted edge counts. A circuit of all edges among some components is a circuit that
    keeps these components' outputs, so it is run as one: models that do not support edges get a curve as well.
    """
    scores = scores_from(inputs["nodes"], prompts_from(inputs["prompts"][0]))
    circuits = np.stack([_budgets(scores, settings["position"], absolute=absolute) for absolute in (False, True)])
    runner = _runner(settings, inputs, model)
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


def chosen_edges(inputs: Inputs) -> Bools:
    """[edge] the circuit of a run, from its `select` and `graph` results."""
    return inputs["select"][0].arrays["masks"][inputs["graph"][0].meta["candidate"]]


def knockouts_from(result: Result) -> Knockouts:
    """The sets of a `search-knockouts` job."""
    return Knockouts(**result.arrays)


def knockout_values_from(results: tuple[Result, ...]) -> KnockoutValues:
    """The values of all slices of `knockouts` jobs."""
    return KnockoutValues(*(join_prompts(results, name) for name in KnockoutValues._fields))


def _runner(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> CircuitRunner:
    ablation = ablation_of(settings, inputs, model)
    return CircuitRunner(model(), slice_of(settings, inputs), METRICS[settings["metric"]], ablation)


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
    return [n for n, part in enumerate(scores.components) if part.kind in ("head", "mlp") and measured[n]]


JUDGING: dict[str, Stage] = {
    "search-knockouts": find_knockouts,
    "knockouts": measure_knockouts,
    "random-circuits": measure_random_circuits,
    "node-curve": measure_node_curve,
    "stability": measure_stability,
}
