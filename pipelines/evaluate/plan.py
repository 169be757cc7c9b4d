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
from dataclasses import asdict
from typing import Any, NamedTuple

from circuits.evaluation.knockouts import KnockoutSearch
from circuits.methods import METHODS
from pipelines.discover.plan import Jobs
from pipelines.discover.run import jobs_of
from pipelines.engine.job import Job, keys_of
from pipelines.engine.stage import Stage
from pipelines.evaluate.settings import Asked
from pipelines.evaluate.stages import KNOCKOUTS, NODE_CURVE, RANDOM_CIRCUITS, SEARCH_KNOCKOUTS, STABILITY
from pipelines.runs.run import Run

# Cost of running one circuit on one prompt, in the unit of `Job.weight`.
_CIRCUIT = 0.4


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
        random = _sliced(jobs, RANDOM_CIRCUITS, {"n": asked.random, "seed": asked.seed}, chosen, asked.random)
    node_curve: tuple[Job, ...] = ()
    if scores_components:
        nodes = {"nodes": keys_of(jobs.measure_nodes)}
        node_curve = _sliced(jobs, NODE_CURVE, {"position": run.config.position}, nodes, 20)
    stable = None
    if asked.resamples and run.graph.edges:
        ranked = {
            "kind": jobs.select.settings["kind"],
            "absolute": not run.config.signed,
            "position": run.config.position,
        }
        of_scores = {name: jobs.select.inputs[name] for name in ("prompts", "edges", "nodes")}
        stable = Job(STABILITY, ranked | {"resamples": asked.resamples, "seed": asked.seed}, of_scores | chosen)
    return JudgeJobs(jobs, search, knockouts, random, node_curve, stable)


def _knockout_jobs(
    run: Run, jobs: Jobs, asked: Asked, chosen: Mapping[str, tuple[str, ...]]
) -> tuple[Job | None, tuple[Job, ...]]:
    n = sum(node.component.is_node for node in run.graph.nodes)
    if not asked.knockouts or not n:
        return None, ()
    size = KnockoutSearch(sets=asked.knockouts, seed=asked.seed)
    grown = 2 * size.steps * size.candidates
    cost = grown + n * (size.sets + 1 + grown)
    search = _sliced(jobs, SEARCH_KNOCKOUTS, {"search": asdict(size)}, chosen, cost)[0]
    inputs = {**chosen, "search": (search.key,)}
    return search, _sliced(jobs, KNOCKOUTS, {}, inputs, 2 * (size.sets + size.steps) + 4 * n)


def _sliced(
    jobs: Jobs, stage: Stage, settings: Mapping[str, Any], inputs: Mapping[str, tuple[str, ...]], n_circuits: int
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
