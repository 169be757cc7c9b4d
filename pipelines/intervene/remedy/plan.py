"""The jobs of a remedy.

prompts --> check --> choosing half --> find (in slices) --> choose
                  --> judging half, choose --> judge (in slices)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.ablations import Zero
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.intervene.edited_jobs import first_jobs
from pipelines.intervene.remedy.settings import Named, RemedySettings
from pipelines.intervene.remedy.stages import CHECK, CHOOSE, ESTIMATE, FIND, JUDGE, remedy_of
from pipelines.runs.first_jobs import FirstJobs, subject_name


@dataclass(frozen=True)
class RemedyPlan(Plan):
    """A remedy on the prompts of a task; `n_choosing` of them choose, the `n_judging` others judge."""

    settings: RemedySettings
    remedy: Named
    first: FirstJobs
    checked: Job
    halves: tuple[FirstJobs, FirstJobs]
    found: tuple[Job, ...]
    chosen: Job
    judged: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        digest = short_digest(keys_of(self.judged))
        return self.store.folder / f"{self.remedy.name}-{subject_name(self.settings.run_config())}-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        first = (*self.first.answered, self.first.prompts, self.first.check, self.checked)
        halves = (half.prompts for half in self.halves)
        jobs = (*first, *halves, *self.found, self.chosen, *self.judged)
        return (Work(self.store, jobs, f"{self.remedy.name} on {self.settings.task}"),)


def plan(settings: RemedySettings, execution: Execution) -> RemedyPlan:
    """The jobs. ValueError for a task, a model or a remedy that is not there, before anything runs."""
    remedy = settings.remedy
    # Corrupt prompts are not run: pairs of equal prompts, which an ablation by them leaves out, are kept.
    first = first_jobs(settings.run_config(ablation=Zero.name))
    if first.n_prompts < 4:
        raise ValueError(
            f"{settings.task} holds {first.n_prompts} prompts: half choose and half judge, give at least 4."
        )
    asked: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype", "metric")}
    asked |= {"remedy": {"name": remedy.name, "settings": remedy.settings}}
    on_all: dict[str, tuple[str, ...]] = {"prompts": (first.prompts.key,)}
    checked = Job(CHECK, asked, on_all, first.locations, first.after)
    half = first.n_prompts // 2
    halves = first.part(0, half), first.part(half, first.n_prompts)
    choosing, judging = ({"prompts": (own.prompts.key,), "check": (checked.key,)} for own in halves)

    def job(stage: Stage, more: dict[str, Any], inputs: dict[str, tuple[str, ...]], weight: float) -> Job:
        return Job(stage, asked | more, inputs, first.locations, (checked.key,), weight=weight)

    def slices(stage: Stage, of: FirstJobs, more: dict[str, Any], inputs: dict[str, Any], cost: float) -> list[Job]:
        return [job(stage, more | {"slice": list(part)}, inputs, cost * (part[1] - part[0])) for part in of.slices()]

    # How many heads a model has is not known here: ranked heads take a pass or two, others one for each head and probe.
    each = 1.0 if remedy_of(asked).is_ranked or settings.find == ESTIMATE else 16.0
    found = tuple(slices(FIND, halves[0], {"find": settings.find}, choosing, each))
    how = {"sizes": list(settings.sizes), "gain": settings.gain, "find": settings.find}
    chosen = job(CHOOSE, how, choosing | {"found": keys_of(found)}, half)
    drawn = {"random": settings.random, "seed": settings.seed}
    cost = (1 + settings.random) * len(settings.sizes) / 4
    judged = tuple(slices(JUDGE, halves[1], drawn, judging | {"chosen": (chosen.key,)}, cost))
    return RemedyPlan(settings, remedy, first, checked, halves, found, chosen, judged, Store(execution.out))
