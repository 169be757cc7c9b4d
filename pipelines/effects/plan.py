"""The jobs that measure direct and total effects.

prompts --> check --> baseline
                  --> effects (one job per slice of the prompts)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.effects.settings import EffectsSettings
from pipelines.effects.stages import EFFECTS
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import FirstJobs, subject_name
from pipelines.runs.method_settings import checked_settings
from pipelines.runs.settings import RunConfig
from pipelines.runs.solved_file import with_numbers_solved

_OF_KINDS = {"at": "roles", "kinds": ["head", "mlp"]}
# In this order in the results: direct, then total.
METHODS_USED = ("direct-effect", "activation-patching")


@dataclass(frozen=True)
class EffectsPlan(Plan):
    """Effects to measure.

    slices  one job for each slice of the prompts
    """

    settings: EffectsSettings
    config: RunConfig
    first: FirstJobs
    slices: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        digest = short_digest(keys_of(self.slices))
        return self.store.folder / f"{subject_name(self.config)}-effects-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        first = self.first
        jobs = (*first.answered, first.prompts, first.check, *first.reference, first.baseline, *self.slices)
        return (Work(self.store, jobs, f"effects on {self.settings.task}"),)


def plan(settings: EffectsSettings, execution: Execution) -> EffectsPlan:
    """The jobs. ValueError for an unknown task, model, metric or ablation, before anything runs."""
    store = Store(execution.out)
    methods = [{"name": name, "settings": checked_settings(name, _OF_KINDS)} for name in METHODS_USED]
    (config,) = with_numbers_solved([settings.run_config()], store, lambda own: FirstJobs(own, methods))
    first = FirstJobs(config, methods)
    asked = {"methods": methods, "options": settings.options, "correct": settings.correct}
    slices = first.sliced(EFFECTS, asked, {}, 4.0)
    return EffectsPlan(settings, config, first, slices, store)
