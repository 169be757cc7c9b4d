"""How many prompts of a file the model solves: a run that keeps these cannot be planned before that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.plan import ResultsNeeded
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import PromptJobs
from pipelines.runs.settings import PromptSettings

AnySettings = TypeVar("AnySettings", bound=PromptSettings)


def with_numbers_solved(
    configs: Iterable[AnySettings], store: Store, require_plan: Callable[[AnySettings], object]
) -> list[AnySettings]:
    """The settings, with the number of prompts where they ask for all of a file's prompts that the model solves.

    require_plan  raises a ValueError for whatever can be refused before a model runs

    Raises `ResultsNeeded` where the store does not say yet how many these are, and a ValueError where there are none.
    """
    configs = list(configs)
    asked = {number: _answered(config) for number, config in enumerate(configs) if _asks_for_all(config)}
    missing = {job.key: job for job in asked.values() if not store.has(job.key)}
    if missing:
        for number in asked:
            require_plan(configs[number])
        raise ResultsNeeded((Work(store, tuple(missing.values()), "the prompts"),))
    for number, job in asked.items():
        configs[number] = configs[number].model_copy(update={"prompts": _n_solved(store, job, configs[number])})
    return configs


def _asks_for_all(config: PromptSettings) -> bool:
    return config.solved and not config.is_drawn and config.prompts is None


def _answered(config: PromptSettings) -> Job:
    (job,) = PromptJobs(config).answered
    return job


def _n_solved(store: Store, job: Job, config: PromptSettings) -> int:
    answered = store.read(job.key)
    prompts = prompts_from(answered)
    n_solved = int(answered.arrays["is_correct"][: len(prompts)].sum())
    if not n_solved:
        raise ValueError(
            f"{config.model} solves none of the {len(prompts)} prompts of {config.task}: --solved leaves none. Choose "
            "another model, or other prompts."
        )
    return n_solved
