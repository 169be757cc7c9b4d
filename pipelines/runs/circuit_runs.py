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


def how_many(runs: Iterable[CircuitRuns]) -> str:
    """How many circuits are run; empty for none."""
    stages = [(of.store, stage) for of in runs for stage in of.stages]
    n_circuits = sum(stage.n_circuits for store, stage in stages if _missing(store, stage))
    return f"about {n_circuits:,} circuits are run" if n_circuits else ""


def how_many_and_long(runs: Iterable[CircuitRuns]) -> str:
    """How many circuits are run, and what that takes by the pace of each task's own forward passes; empty for none.

    For plans whose circuits are not forecast (`pipelines.forecast`), which would tell another time.
    """
    runs, seconds = list(runs), 0.0
    for store, baseline, judged, stages in runs:
        cost = store.cost(baseline.key)
        # Of one prompt, of which the baseline took a clean and an ablated pass.
        a_pass = float("nan") if cost is None else cost["seconds"] / (2 * sum(map(_n_prompts, judged)))
        seconds += sum(job.weight * a_pass for stage in stages for job in _missing(store, stage))
    said = how_many(runs)
    return said if not said or isnan(seconds) else f"{said}, in about {duration(seconds)} on one processor"


def _missing(store: Store, stage: Planned) -> list[Job]:
    return [job for job in stage.jobs if not store.has(job.key)]


def _n_prompts(job: Job) -> int:
    start, stop = job.settings["slice"]
    return stop - start
