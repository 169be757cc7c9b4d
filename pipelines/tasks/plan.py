"""The jobs that measure a model on every task made of words: one per task and corruption."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.model.sources import find_model, source_fingerprint, tokenizer_hash
from circuits.tasks import TASKS
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.method_settings import is_path
from pipelines.tasks.settings import TasksSettings
from pipelines.tasks.stages import TASK


@dataclass(frozen=True)
class TasksPlan(Plan):
    """A model to measure.

    model  its name
    jobs   task -> corruption -> job; of each task, the default corruption first
    """

    settings: TasksSettings
    model: str
    jobs: Mapping[str, Mapping[str, Job]]
    store: Store

    @property
    def folder(self) -> Path:
        keys = [job.key for jobs in self.jobs.values() for job in jobs.values()]
        # A hub id has a slash, and a quantized model says so in brackets.
        model = re.sub(r"[^\w.]+", "-", self.model).strip("-")
        return self.store.folder / f"tasks-{model}-{short_digest(keys)}"

    @property
    def work(self) -> Sequence[Work]:
        jobs = tuple(job for jobs in self.jobs.values() for job in jobs.values())
        return (Work(self.store, jobs, f"tasks of {self.model}"),)


def plan(settings: TasksSettings, execution: Execution) -> TasksPlan:
    """The jobs that measure a model on every task. ValueError for a model that is not there."""
    if settings.model is None:
        raise ValueError("no model is given. Name the one to measure, such as --model reference.")
    source = find_model(settings.model)
    spec = str(Path(settings.model).absolute()) if is_path(settings.model) else settings.model
    asked = {
        "model": source_fingerprint(source),
        "tokenizer": tokenizer_hash(source),
        "dtype": settings.dtype,
        "n": settings.prompts,
        "seed": settings.seed,
    }
    weight = 1 + 2 * settings.prompts

    def job(task: str, corruption: str) -> Job:
        version = {"version": TASKS[task].version} if TASKS[task].version > 1 else {}
        chosen = asked | version | {"task": task, "corruption": corruption}
        return Job(TASK, chosen, locations={"model": spec}, weight=weight)

    jobs = {
        name: {corruption: job(name, corruption) for corruption in TASKS[name].corruptions} for name in sorted(TASKS)
    }
    return TasksPlan(settings, source.name, jobs, Store(execution.out))
