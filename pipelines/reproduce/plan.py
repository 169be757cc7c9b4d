"""The jobs that search the circuits of the tasks; nothing is run here.

Of a run's jobs (`pipelines.discover.plan`) those are taken that lead to its scores, and the baseline: no circuit is
chosen or judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.model.sources import find_model
from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.reproduce.settings import ReuseSettings

IOI, COLORED_OBJECTS, CONTROL = "ioi", "colored-objects", "greater-than"
METHOD = "staged-path-patching"
# Task -> its list of stages (`circuits.methods.path_stages`).
_STAGES = {IOI: IOI, COLORED_OBJECTS: COLORED_OBJECTS, CONTROL: "any"}


@dataclass(frozen=True)
class ReusePlan(Plan):
    """The search of every task.

    model    its name
    configs  task -> the settings of its search; `jobs` likewise
    """

    model: str
    configs: Mapping[str, DiscoverSettings]
    jobs: Mapping[str, Jobs]
    store: Store
    target: Path

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        every = {job.key: job for jobs in self.jobs.values() for job in search_jobs(jobs)}
        return (Work(self.store, tuple(every.values()), f"reuse in {self.model}"),)


def plan(settings: ReuseSettings, execution: Execution) -> ReusePlan:
    """The jobs of all tasks. ValueError for a model whose weights are not there."""
    source = find_model(settings.model)
    tasks = [IOI, COLORED_OBJECTS, *([CONTROL] if settings.control else [])]
    configs = {
        task: DiscoverSettings(
            task=task,
            model=settings.model,
            method=METHOD,
            settings={"stages": _STAGES[task], "top": settings.top, "between": settings.between},
            prompts=settings.prompts,
            seed=settings.seed,
            dtype=settings.dtype,
            prompts_per_job=settings.prompts_per_job,
            judge_on="same",
        )
        for task in tasks
    }
    jobs, store = {task: all_jobs(config) for task, config in configs.items()}, Store(execution.out)
    keys = [job.key for of_task in jobs.values() for job in of_task.scores]
    name = f"reuse-{Path(source.name).name}-{short_digest(keys)}"
    return ReusePlan(source.name, configs, jobs, store, settings.folder or execution.out / name)


def search_jobs(jobs: Jobs) -> tuple[Job, ...]:
    """The jobs of a run that lead to its scores, each after those it reads."""
    return (*jobs.answered, jobs.prompts, jobs.check, jobs.choosing, *jobs.reference, jobs.baseline, *jobs.measured)
