"""The jobs that measure an edit: prompts, check, and one job per slice of the prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.ablations import Zero
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.intervene.edit.settings import EditSettings
from pipelines.intervene.edit_stages import EDITED
from pipelines.intervene.edited_jobs import edit_check, first_jobs
from pipelines.runs.first_jobs import FirstJobs, subject_name


@dataclass(frozen=True)
class EditPlan(Plan):
    """An edit of heads on the prompts of a task.

    slices  one job for each slice of the prompts
    """

    settings: EditSettings
    first: FirstJobs
    checked: Job
    slices: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        keys = "".join(job.key for job in self.slices)
        stem = subject_name(self.settings.run_config())
        return self.store.folder / f"edit-{stem}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"

    @property
    def work(self) -> Sequence[Work]:
        first = self.first
        jobs = (*first.answered, first.prompts, first.check, self.checked, *self.slices)
        return (Work(self.store, jobs, f"edit of {', '.join(self.settings.heads)} on {self.settings.task}"),)


def plan(settings: EditSettings, execution: Execution) -> EditPlan:
    """The jobs of an edit. ValueError for a task or a model that is not there."""
    # Corrupt prompts are not run: pairs of equal prompts, which an ablation by them leaves out, are kept.
    first = first_jobs(settings.run_config(ablation=Zero.name))
    checked = edit_check(first, settings.heads, settings.edit)
    n_variants = (1 + settings.random) * (1 + len(settings.heads))
    slices = tuple(_slice(first, settings, checked, part, n_variants) for part in first.slices())
    return EditPlan(settings, first, checked, slices, Store(execution.out))


def _slice(first: FirstJobs, settings: EditSettings, checked: Job, part: tuple[int, int], n_variants: int) -> Job:
    ran: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype", "metric")}
    asked = {"heads": list(settings.heads), "edits": list(settings.edit), "random": settings.random}
    return Job(
        EDITED,
        ran | asked | {"seed": settings.seed, "slice": list(part)},
        {"prompts": (first.prompts.key,)},
        first.locations,
        (checked.key,),
        weight=n_variants * (part[1] - part[0]),
    )
