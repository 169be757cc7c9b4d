"""The jobs that split attention scores.

prompts --> check-reads --> reads (one job per slice of the prompts)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.reads.settings import ReadsSettings
from pipelines.reads.stages import CHECK, SPLIT
from pipelines.runs.first_jobs import PromptJobs, subject_name
from pipelines.runs.model_parts import require_heads
from pipelines.runs.solved_file import with_numbers_solved


@dataclass(frozen=True)
class ReadsPlan(Plan):
    """Scores to split.

    slices  one job for each slice of the prompts
    """

    settings: ReadsSettings
    first: PromptJobs
    checked: Job
    slices: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        digest = short_digest((keys_of(self.slices), self.settings.pairs))
        return self.store.folder / f"{subject_name(self.settings)}-reads-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        jobs = (*self.first.answered, self.first.prompts, self.checked, *self.slices)
        return (Work(self.store, jobs, f"what {', '.join(self.settings.heads)} read"),)


def plan(settings: ReadsSettings, execution: Execution) -> ReadsPlan:
    """The jobs. ValueError for an unknown task, model or setting, before anything runs."""
    store = Store(execution.out)
    require_heads(settings.heads, settings.model)
    (settled,) = with_numbers_solved([settings], store, PromptJobs)
    first = PromptJobs(settled)
    asked = {"heads": list(settings.heads), "score": [settings.query, settings.key, settings.minus]}
    checked = Job(CHECK, first.ran | asked, first.of_prompts, first.locations)
    first.after = (checked.key,)
    slices = first.sliced(SPLIT, asked, {}, 1.0)
    return ReadsPlan(settled, first, checked, slices, store)
