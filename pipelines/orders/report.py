"""How much answers depend on the order of options, from stored results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.evaluation.order_sensitivity import by_line, order_sensitivity
from circuits.intervals import Estimate
from circuits.model.sources import find_model
from pipelines.engine.store import Store
from pipelines.orders.plan import OrdersPlan
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row


@dataclass(frozen=True, kw_only=True)
class OrdersReport(Report):
    """A task in all orders of its options.

    about  the task, the model, how many questions and orders; `variance` of the metric over orders, its `share` of all
           variance (None where all answers are alike), `accuracy`, and `mixed`, the share of the questions that are
           right in some orders and wrong in others; with 95 % intervals, `NAME_interval` (t over questions; Wilson)
    rows   one per line on which the correct option can stand: `metric` and `accuracy` there, likewise

    >>> from pipelines import measure_orders
    >>> report = measure_orders("colored-objects", questions=4)
    >>> report.about["n_questions"], len(report.rows)
    (4, 3)
    """

    format = Format("circuit-workbench-orders", 1)
    about: Row
    rows: tuple[Row, ...]

    def content(self) -> dict[str, Any]:
        return {**self.about, "lines": list(self.rows)}


def report(plan: OrdersPlan) -> OrdersReport:
    """The sensitivity, and a row for every line."""
    values, is_correct, lines = (_joined(plan.store, plan, name) for name in ("values", "is_correct", "lines"))
    found, asked = order_sensitivity(values, is_correct), plan.settings
    about: dict[str, Any] = asked.model_dump(include={"task", "metric", "seed", "held_out", "dtype"})
    about |= {"model": find_model(asked.model).name}
    about |= {"task_settings": asked.task_settings} if asked.task_settings else {}
    about |= {"n_questions": values.shape[0], "n_orders": values.shape[1]}
    for name in ("variance", "share", "accuracy"):
        about |= _estimate(name, getattr(found, name))
    about |= {"mixed": found.mixed.value, "mixed_interval": found.mixed.interval().as_json()}
    of_lines = zip(by_line(values, lines), by_line(is_correct.astype(np.float64), lines), strict=True)
    rows = tuple(
        {"line": line, **_estimate("metric", metric), **_estimate("accuracy", accuracy)}
        for line, (metric, accuracy) in enumerate(of_lines, 1)
    )
    return OrdersReport(folder=plan.folder, about=about, rows=rows)


def _joined(store: Store, plan: OrdersPlan, name: str) -> Any:
    return np.concatenate([store.read(job.key).arrays[name] for job in plan.measure])


def _estimate(name: str, estimate: Estimate | None) -> Row:
    if estimate is None:
        return {name: None, f"{name}_interval": None}
    return {name: estimate.value, f"{name}_interval": estimate.interval.as_json()}
