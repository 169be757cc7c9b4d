"""The jobs that look at the attention of heads.

prompts --> check-attention --> attention-pattern, attention-more, attention-by-role (one job per slice of the prompts)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.attention.settings import AttentionSettings
from pipelines.attention.stages import BY_ROLE, CHECK, MORE, PATTERN, require_shown
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import PromptJobs, subject_name
from pipelines.runs.model_parts import require_heads
from pipelines.runs.solved_file import with_numbers_solved


@dataclass(frozen=True)
class AttentionPlan(Plan):
    """Heads to look at.

    pattern  of the prompt that is shown, and `more` of a few others
    by_role  one job for each slice of the prompts
    """

    settings: AttentionSettings
    first: PromptJobs
    checked: Job
    pattern: Job
    more: Job
    by_role: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        content = (keys_of((self.pattern, self.more, *self.by_role)), self.settings.row)
        digest = short_digest(content)
        return self.store.folder / f"{subject_name(self.settings)}-attention-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        jobs = (*self.first.answered, self.first.prompts, self.checked, self.pattern, self.more, *self.by_role)
        return (Work(self.store, jobs, f"attention of {', '.join(self.settings.heads)}"),)


def plan(settings: AttentionSettings, execution: Execution) -> AttentionPlan:
    """The jobs. ValueError for an unknown task, model or setting, before anything runs."""
    store = Store(execution.out)
    require_heads(settings.heads, settings.model)
    (settled,) = with_numbers_solved([settings], store, PromptJobs)
    first = PromptJobs(settled)
    require_shown(settings.prompt, first.n_prompts)
    heads, shown = {"heads": list(settings.heads)}, {"prompt": settings.prompt}
    of_row = heads | shown | {"row": settings.row}
    checked = Job(CHECK, first.ran | of_row, first.of_prompts, first.locations)
    first.after = (checked.key,)
    pattern = Job(PATTERN, first.ran | heads | shown, first.of_prompts, first.locations, first.after)
    more = Job(MORE, first.ran | of_row, first.of_prompts, first.locations, first.after)
    by_role = first.sliced(BY_ROLE, heads, {"check": (checked.key,)}, 1.0)
    return AttentionPlan(settled, first, checked, pattern, more, by_role, store)
