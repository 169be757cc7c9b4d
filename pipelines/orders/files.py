"""The files of `circuits orders`."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.orders.plan import OrdersPlan
from pipelines.orders.report import OrdersReport
from pipelines.orders.table import COLUMNS
from pipelines.reporting.tables import as_csv


def files(plan: OrdersPlan, report: OrdersReport) -> dict[str, bytes]:
    """orders.json, and orders.csv with a row for each line on which the correct option can stand."""
    return {"orders.json": as_json(report.to_dict()), "orders.csv": as_csv(report.rows, COLUMNS)}
