"""`circuits orders`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.orders.files import files
from pipelines.orders.plan import plan
from pipelines.orders.report import OrdersReport, report
from pipelines.orders.settings import OrdersSettings
from pipelines.orders.table import print_orders
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import MeasureOrdersKeywords

COMMAND = Command("orders", OrdersSettings, plan, report, files, print_orders)


@takes_settings(OrdersSettings)
def measure_orders(
    task: str, *, progress: bool | None = None, **settings: Unpack[MeasureOrdersKeywords]
) -> OrdersReport:
    """How much a model's answers to a task depend on the order of its options.

    task      one that has options, such as multiple-choice or colored-objects
    settings  fields of `OrdersSettings` (model, questions, metric, ...) and of `Execution` (out, workers, ...)

    Computes only what the store lacks. Cost: one forward pass of every question in every order.

    >>> from pipelines import measure_orders
    >>> result = measure_orders("colored-objects", questions=4)
    >>> result.about["n_orders"], [row["accuracy"] for row in result.rows]
    (6, [1.0, 1.0, 1.0])
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
