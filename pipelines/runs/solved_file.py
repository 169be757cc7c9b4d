"""How many prompts of a file the model solves: a run that keeps these cannot be planned before that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from circuits.numbers import count_text
from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.plan import ResultsNeeded
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import PromptJobs
from pipelines.runs.settings import PromptSettings

AnySettings = TypeVar("AnySettings", bound=PromptSettings)


class PlannedJobs(Protocol):
    """Jobs of which one makes the prompts; where another checks what is asked of them, that is `check`."""

    @property
    def prompts(self) -> Job: ...


def with_numbers_solved(
    configs: Iterable[AnySettings], store: Store, require_plan: Callable[[AnySettings], PlannedJobs]
) -> list[AnySettings]:
    """The settings, with the number of prompts where they ask for all of a file's prompts that the model solves.

    require_plan  the jobs of a run on them; a ValueError for whatever can be refused before a model runs

    Raises `ResultsNeeded` where the store does not say yet how many these are, and a ValueError where there are none.
    """
    configs = list(configs)
    asked = {number: _answered(config) for number, config in enumerate(configs) if _asks_for_all(config)}
    missing = {job.key: job for job in asked.values() if not store.has(job.key)}
    if missing:
        plans = [require_plan(configs[number]) for number in asked]
        readers = [job for plan in plans for job in (plan.prompts, getattr(plan, "check", None)) if job is not None]
        raise ResultsNeeded((Work(store, tuple(missing.values()), "the prompts"),), readers)
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
            f"{config.model} solves none of the {count_text(len(prompts), 'prompt')} of {config.task}: --solved "
            f"leaves none. Choose "
            "another model, or other prompts."
        )
    return n_solved
