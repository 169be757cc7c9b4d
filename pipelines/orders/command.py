"""`circuits orders`."""

from __future__ import annotations

from typing import Any

from pipelines.command import Command, run_command
from pipelines.orders.files import files
from pipelines.orders.plan import plan
from pipelines.orders.report import OrdersReport, report
from pipelines.orders.settings import OrdersSettings
from pipelines.orders.table import print_orders
from pipelines.runs.settings_file import settings_from

COMMAND = Command("orders", OrdersSettings, plan, report, files, print_orders)


def measure_orders(task: str, *, shows_progress: bool = False, **settings: Any) -> OrdersReport:
    """How much a model's answers to a task depend on the order of its options.

    task      one that has options, such as multiple-choice or colored-objects
    settings  fields of `OrdersSettings` (model, questions, metric, ...) and of `Execution` (out, workers, ...)

    Computes only what the store lacks. Cost: one forward pass of every question in every order.

    >>> from pipelines import measure_orders
    >>> result = measure_orders("colored-objects", questions=4)
    >>> result.about["n_orders"], [row["accuracy"] for row in result.rows]
    (6, [1.0, 1.0, 1.0])
    """
    return run_command(
        COMMAND, *settings_from({"task": task, **settings}, OrdersSettings), shows_progress=shows_progress
    )
