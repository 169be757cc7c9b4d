"""How well a model does every task, from stored results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import t_interval, wilson_interval
from circuits.solved import verdict
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.tasks.plan import TasksPlan


@dataclass(frozen=True, kw_only=True)
class TasksReport(Report):
    """A model on every task.

    in_detail  whether what each corruption does is shown as well
    rows  one per task, as plain values: `accuracy` (an answer above every wrong one), `top1` (above all tokens) and
          `difference` (its `metric`: of logits, or of log-probabilities where answers have several tokens) of the clean
          prompts that go with the default corruption, with 95 % intervals (Wilson, t); `chance`; `verdict`;
          `corruptions`, the mean difference of the corrupt prompts of each, and of the clean ones that go with them;
          `reason`, why the task cannot be built, in which case the numbers are None

    >>> from pipelines import measure_tasks
    >>> report = measure_tasks("reference", prompts=8)
    >>> report.model, report.n_asked, len(report.rows) > 10, sorted(report.content())[:2]
    ('reference', 8, True, ['dtype', 'model'])
    """

    format = Format("circuit-workbench-tasks", 2)
    model: str
    n_asked: int
    seed: int
    dtype: str
    in_detail: bool
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        asked = {"model": self.model, "prompts": self.n_asked, "seed": self.seed, "dtype": self.dtype}
        return {**asked, "tasks": list(self.rows)}


def report(plan: TasksPlan) -> TasksReport:
    """A row for every task."""
    rows = tuple(_row(task, jobs, plan.store) for task, jobs in plan.jobs.items())
    asked = plan.settings
    return TasksReport(
        folder=plan.folder,
        model=plan.model,
        n_asked=asked.prompts,
        seed=asked.seed,
        dtype=asked.dtype,
        in_detail=asked.details,
        rows=rows,
    )


def _row(task: str, jobs: Mapping[str, Job], store: Store) -> Row:
    results = {corruption: store.read(job.key) for corruption, job in jobs.items()}
    first = next(iter(results.values()))
    row: dict[str, Any] = {"task": task, "n_prompts": 0, "reason": first.meta.get("reason")}
    row |= dict.fromkeys(("accuracy", "accuracy_interval", "top1", "top1_interval", "chance", "verdict"))
    row |= dict.fromkeys(("metric", "difference", "difference_interval"))
    if row["reason"] is None:
        arrays, chance = first.arrays, first.meta["chance"]
        n, n_correct = len(arrays["clean"]), int(np.count_nonzero(arrays["is_correct"]))
        row |= {"n_prompts": n, "chance": chance, "verdict": verdict(n_correct, n, chance)}
        row |= _share("accuracy", n_correct, n) | _share("top1", int(np.count_nonzero(arrays["is_top1"])), n)
        row |= {"metric": first.meta["metric"], **_mean("difference", arrays["clean"])}
    return row | {"corruptions": {corruption: _of_corruption(result) for corruption, result in results.items()}}


def _of_corruption(result: Result) -> Row:
    if "reason" in result.meta:
        return {"reason": result.meta["reason"]}
    return _mean("clean", result.arrays["clean"]) | _mean("corrupt", result.arrays["corrupt"]) | {"reason": None}


def _share(name: str, n_hits: int, n: int) -> dict[str, Any]:
    return {name: n_hits / n, f"{name}_interval": wilson_interval(n_hits, n).as_json()}


def _mean(name: str, per_prompt: Floats) -> dict[str, Any]:
    return {name: float(per_prompt.mean()), f"{name}_interval": t_interval(per_prompt).item().as_json()}
