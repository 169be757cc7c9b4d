"""The first jobs of commands that edit heads on the prompts of a task, and what was asked of these prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipelines.engine.job import Job
from pipelines.intervene.edit_stages import EDIT_CHECK
from pipelines.runs.first_jobs import FirstJobs
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.model_parts import require_edits
from pipelines.runs.settings import RunConfig


def first_jobs(config: RunConfig) -> FirstJobs:
    """The prompts, and the check that the metric fits them."""
    return FirstJobs(config, ())


def edit_check(first: FirstJobs, heads: Sequence[str], edits: Sequence[str], groups: Sequence[str] = ()) -> Job:
    """The job that refuses heads and roles that are not there, before anything is measured. ValueError for heads that
    the model's configuration does not have, and edits that are none of theirs.

    groups  roles of words whose heads will be observed; none where no head is
    """
    require_edits(heads, edits, first.locations["model"])
    asked: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype")}
    asked |= {"heads": [*heads], "edits": [*edits]} | ({"groups": [*groups]} if groups else {})
    return Job(EDIT_CHECK, asked, {"prompts": (first.prompts.key,)}, first.locations, first.after)


def described_prompts(config: RunConfig) -> dict[str, Any]:
    """What was asked of the prompts, for reports."""
    kept = ("task", "model", "metric", "corruption", "seed", "held_out", "solved", "dtype")
    values = json.loads(with_portable_paths(config).model_dump_json())
    asked = {name: values[name] for name in kept if values[name] is not None and values[name] is not False}
    return asked | ({"task_settings": values["task_settings"]} if values["task_settings"] else {})
