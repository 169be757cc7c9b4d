"""The jobs that profile the heads of a model.

prompts --> check-profiles --> profile (one job per slice of the prompts)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.profiles import Profile
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.profile.given import as_text, profiles_from
from pipelines.profile.settings import ProfileSettings
from pipelines.profile.stages import CHECK, PROFILE
from pipelines.runs.first_jobs import PromptJobs, subject_name
from pipelines.runs.solved_file import with_numbers_solved


@dataclass(frozen=True)
class ProfilePlan(Plan):
    """Profiles to measure.

    measure  the jobs of all slices of the prompts
    """

    settings: ProfileSettings
    profiles: tuple[Profile, ...]
    first: PromptJobs
    checked: Job
    measure: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(repr(keys_of(self.measure)).encode()).hexdigest()[:8]
        return self.store.folder / f"{subject_name(self.settings)}-profiles-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        jobs = (*self.first.answered, self.first.prompts, self.checked, *self.measure)
        return (Work(self.store, jobs, f"profiles of {self.settings.model}"),)


def plan(settings: ProfileSettings, execution: Execution) -> ProfilePlan:
    """The jobs. ValueError for an unknown task, model, profile or setting, before anything runs."""
    store = Store(execution.out)
    profiles = profiles_from(settings.profiles)
    (settled,) = with_numbers_solved([settings], store, PromptJobs)
    first = PromptJobs(settled)
    asked = {"profiles": [as_text(profile) for profile in profiles]}
    checked = Job(CHECK, first.ran | asked, first.of_prompts, first.locations)
    first.after = (checked.key,)
    measure = first.sliced(PROFILE, asked, {"check": (checked.key,)}, 1.0)
    return ProfilePlan(settled, profiles, first, checked, measure, store)
