"""The jobs that ask questions with their options in every order: one per slice of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.lookup import lookup
from circuits.metrics import METRICS
from circuits.model.sources import find_model, is_path, source_fingerprint, tokenizer_hash
from circuits.model.tokenizers import tokenizer_of
from circuits.tasks import TASKS, Task
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.orders.settings import OrdersSettings
from pipelines.orders.stages import ORDERS
from pipelines.runs.first_jobs import subject_name
from pipelines.runs.task_settings import make_task, task_settings


@dataclass(frozen=True)
class OrdersPlan(Plan):
    """Questions to ask."""

    settings: OrdersSettings
    measure: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        asked = self.settings
        digest = short_digest(keys_of(self.measure))
        subject = subject_name(asked.prompts)
        return self.store.folder / f"orders-{subject}-{digest}"

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, self.measure, f"orders of {self.settings.task}"),)


def plan(settings: OrdersSettings, execution: Execution) -> OrdersPlan:
    """The jobs. ValueError for a task that is not there or has no options, and for an unknown model or metric."""
    kind, source = lookup(TASKS, settings.task, "task"), find_model(settings.model)
    lookup(METRICS, settings.metric, "metric")
    if kind.orders is Task.orders:
        able = ", ".join(name for name, task in TASKS.items() if task.orders is not Task.orders)
        raise ValueError(f"task {settings.task!r} has no options whose order could change. Tasks that have: {able}.")
    chosen = task_settings(kind, settings.task_settings)
    _require_questions(make_task(kind, chosen, held_out=settings.held_out), settings)
    spec = str(Path(settings.model).absolute()) if is_path(settings.model) else settings.model
    asked = settings.model_dump(include={"task", "metric", "seed", "held_out", "dtype"})
    asked |= {"model": source_fingerprint(source), "tokenizer": tokenizer_hash(source), "version": kind.version}
    asked |= {"task_settings": chosen} if chosen else {}
    n, size = settings.questions, settings.prompts_per_job
    measure = tuple(
        Job(ORDERS, asked | {"slice": [start, min(start + size, n)]}, locations={"model": spec})
        for start in range(0, n, size)
    )
    return OrdersPlan(settings, measure, Store(execution.out))


def _require_questions(task: Task, settings: OrdersSettings) -> None:
    """Raise a ValueError where the model's tokenizer cannot ask all the questions, before its weights are loaded."""
    tokenizer = tokenizer_of(settings.model)
    if tokenizer is None:
        raise ValueError(f"task {task.name!r} is made of words, and the model {settings.model!r} has no tokenizer.")
    task.in_every_order(tokenizer, n=settings.questions, seed=settings.seed)
