"""Jobs that run circuits: what they weigh, and what is said of them before they begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import NamedTuple

from pipelines.engine.job import Job
from pipelines.engine.progress import duration
from pipelines.engine.store import Store

# Cost of running one circuit on one prompt, in the unit of `Job.weight`.
CIRCUIT = 0.4


class Planned(NamedTuple):
    """Jobs that run the same circuits on different slices of some prompts, and how many circuits these are."""

    jobs: Sequence[Job]
    n_circuits: int


class CircuitRuns(NamedTuple):
    """Jobs that run circuits on slices of some prompts.

    store     what keeps their results
    baseline  the job that ran the prompts clean and ablated, whose pace tells how long the others take
    judged    the jobs of all slices of these prompts, each once
    stages    the jobs
    """

    store: Store
    baseline: Job
    judged: Sequence[Job]
    stages: Sequence[Planned]


def by_weight(jobs: Sequence[Job]) -> Planned:
    """Jobs that weigh `CIRCUIT` for each circuit and prompt."""
    return Planned(jobs, max((round(job.weight / (CIRCUIT * _n_prompts(job))) for job in jobs), default=0))


def outlook(runs: Iterable[CircuitRuns]) -> str:
    """How many circuits are run, and what that takes by the pace of each task's own forward passes; empty for none."""
    n_circuits, seconds = 0, 0.0
    for store, baseline, judged, stages in runs:
        cost = store.cost(baseline.key)
        # Of one prompt, of which the baseline took a clean and an ablated pass.
        a_pass = float("nan") if cost is None else cost["seconds"] / (2 * sum(map(_n_prompts, judged)))
        for stage in stages:
            missing = [job for job in stage.jobs if not store.has(job.key)]
            n_circuits += stage.n_circuits if missing else 0
            seconds += sum(job.weight * a_pass for job in missing)
    if not n_circuits:
        return ""
    takes = "" if isnan(seconds) else f", in about {duration(seconds)} on one processor"
    return f"about {n_circuits:,} circuits are run{takes}"


def _n_prompts(job: Job) -> int:
    start, stop = job.settings["slice"]
    return stop - start
