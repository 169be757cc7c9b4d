"""The jobs that cluster the prompts of a run.

measure (of the run) --> cluster-prompts --> judge-clusters
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.methods import METHODS
from pipelines.cluster.settings import ClusterSettings
from pipelines.cluster.stages import CLUSTER_PROMPTS, JUDGE_CLUSTERS
from pipelines.discover.plan import Jobs
from pipelines.discover.rules import has_size
from pipelines.discover.run import DiscoverRun, jobs_of, require_circuit
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.run import Run, open_run, store_of

LEAST_PROMPTS = 16


@dataclass(frozen=True)
class ClusterPlan(Plan):
    """A run whose prompts are clustered, its jobs, and those of the clusters."""

    run: DiscoverRun
    jobs: Jobs
    clusters: Job
    judged: Job
    store: Store

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256((self.clusters.key + self.judged.key).encode()).hexdigest()[:8]
        return self.store.folder / f"clusters-{self.run.name}-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, (*self.jobs.all, self.clusters, self.judged), f"clusters of {self.run.name}"),)


def plan(settings: ClusterSettings, execution: Execution) -> ClusterPlan:
    """The jobs. ValueError for a run that is unknown, unfinished or a trace, that stored no scores of edges prompt by
    prompt, and for one of few prompts."""
    opened = settings.run if isinstance(settings.run, Run) else open_run(settings.run, out=execution.out)
    run = require_circuit(opened)
    run.require_whole()
    method = METHODS[run.config.method]
    scores = run.scores
    if method.result != "edges" or not scores.measured.any() or (scores.per_prompt == scores.per_prompt[0]).all():
        raise ValueError(
            f"run {run.name} has no scores of edges for each prompt by itself ({run.config.method}). Give a run of a "
            "method that scores edges, such as eap-ig."
        )
    if scores.n_prompts < LEAST_PROMPTS:
        raise ValueError(
            f"run {run.name} scored {scores.n_prompts} prompts: halves of them are clustered apart, which takes "
            f"{LEAST_PROMPTS} or more. Discover with more --prompts (half of them judge, and are not scored)."
        )
    jobs = jobs_of(run)
    rule = jobs.choose.settings["rule"]
    if not (jobs.choose.settings["kind"] == "edges" and has_size(rule)):
        rule = {"name": "grown", "settings": {}}
    asked = {name: getattr(settings, name) for name in ("share", "strength", "most", "seed")}
    asked |= {"rule": rule, "n": run.circuit.n_edges, "absolute": run.summary["choice"]["ranking"] == "absolute"}
    of_prompts = {"prompts": (jobs.choosing.key,)}
    clusters = Job(CLUSTER_PROMPTS, asked, of_prompts | {"edges": keys_of(jobs.measure_edges)})
    baseline = jobs.baseline
    inputs = {**baseline.inputs, **of_prompts, "clusters": (clusters.key,)}
    weight = 0.4 * (settings.most + 1) * scores.n_prompts / 2
    judged = Job(JUDGE_CLUSTERS, baseline.settings, inputs, baseline.locations, baseline.after, weight)
    return ClusterPlan(run, jobs, clusters, judged, store_of(run, execution.out))
