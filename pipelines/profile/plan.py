"""The jobs that profile the heads of a model.

prompts --> check-profiles --> profile (one job per slice of the prompts)
profile-weights (where profiles read weights)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.model.sources import find_model, source_fingerprint
from circuits.profiles import Profile, WeightProfile
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.profile.given import as_text, profiles_from
from pipelines.profile.settings import ProfileSettings
from pipelines.profile.stages import CHECK, PROFILE, WEIGH
from pipelines.runs.first_jobs import PromptJobs, subject_name
from pipelines.runs.method_settings import absolute_paths
from pipelines.runs.solved_file import with_numbers_solved


@dataclass(frozen=True)
class ProfilePlan(Plan):
    """Profiles to measure.

    of_prompts  profiles that read prompts, measured by `measure`, the jobs of all slices of the prompts
    of_weights  profiles that read weights, measured by `weigh`
    first, checked  the jobs before `measure`; None where no profile reads prompts
    """

    settings: ProfileSettings
    of_prompts: tuple[Profile, ...]
    of_weights: tuple[Profile, ...]
    first: PromptJobs | None
    checked: Job | None
    measure: tuple[Job, ...]
    weigh: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        digest = short_digest(keys_of((*self.measure, *self.weigh)))
        subject = subject_name(self.settings) if self.settings.task else f"weights{subject_name(self.settings)}"
        return self.store.folder / f"{subject}-profiles-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        jobs = (*self.measure, *self.weigh)
        if self.first is not None and self.checked is not None:
            jobs = (*self.first.answered, self.first.prompts, self.checked, *jobs)
        return (Work(self.store, jobs, f"profiles of {self.settings.model}"),)


def plan(settings: ProfileSettings, execution: Execution) -> ProfilePlan:
    """The jobs. ValueError for an unknown task, model, profile or setting, and for profiles that read prompts where
    there is no task, before anything runs."""
    store = Store(execution.out)
    profiles = profiles_from(settings.profiles, of_weights=not settings.task)
    of_weights = tuple(own for own in profiles if isinstance(own, WeightProfile))
    of_prompts = tuple(own for own in profiles if own not in of_weights)
    weigh = (_weigh(settings, of_weights),) if of_weights else ()
    if not of_prompts:
        return ProfilePlan(settings, of_prompts, of_weights, None, None, (), weigh, store)
    if not settings.task:
        raise ValueError(
            f"profile {of_prompts[0].label!r} reads prompts: name a task (`circuits tasks`) or a prompt file. Without "
            "one only profiles of weights are measured."
        )
    (settled,) = with_numbers_solved([settings], store, PromptJobs)
    first = PromptJobs(settled)
    asked = {"profiles": [as_text(profile) for profile in of_prompts]}
    contrasted = {"contrast": list(settings.contrast)} if settings.contrast else {}
    checked = Job(CHECK, first.ran | asked | contrasted, first.of_prompts, first.locations)
    first.after = (checked.key,)
    measure = first.sliced(PROFILE, asked, {"check": (checked.key,)}, 1.0)
    return ProfilePlan(settled, of_prompts, of_weights, first, checked, measure, weigh, store)


def _weigh(settings: ProfileSettings, profiles: Sequence[Profile]) -> Job:
    model = {"model": source_fingerprint(find_model(settings.model)), "dtype": settings.dtype}
    asked = {"profiles": [as_text(profile) for profile in profiles]}
    return Job(WEIGH, model | asked, locations={"model": absolute_paths(settings)["model"]})
