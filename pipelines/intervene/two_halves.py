"""What is fitted on one half of the prompts and judged on the other: the jobs that such commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.engine.job import Job
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import FirstJobs
from pipelines.runs.settings import RunConfig
from pipelines.runs.solved_file import with_numbers_solved


def first_of_halves(asked: RunConfig, store: Store) -> FirstJobs:
    """The first jobs. ValueError for fewer than four prompts, which make no two halves with a spread."""
    (config,) = with_numbers_solved([asked], store, lambda own: FirstJobs(own, ()))
    first = FirstJobs(config, ())
    if first.n_prompts < 4:
        raise ValueError(f"{first.n_prompts} prompts make no two halves of two or more: give four or more.")
    return first


def judge_jobs(
    stage: Stage, settings: Mapping[str, Any], first: FirstJobs, fitted: Job, *, n_runs: int
) -> tuple[Job, ...]:
    """The jobs that judge what was fitted, one per slice of the prompts; each prompt is run `n_runs` times."""
    inputs = {"prompts": (first.prompts.key,), "fitted": (fitted.key,)}
    return tuple(
        Job(stage, {**settings, "slice": list(part)}, inputs, first.locations, weight=n_runs * (part[1] - part[0]))
        for part in first.slices()
    )
