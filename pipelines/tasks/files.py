"""The files of `circuits tasks --model M`."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv
from pipelines.tasks.plan import TasksPlan
from pipelines.tasks.report import TasksReport
from pipelines.tasks.table import columns, flat


def files(plan: TasksPlan, report: TasksReport) -> dict[str, bytes]:
    """tasks.json, one object per task, and tasks.csv, one line per task and corruption."""
    return {"tasks.json": as_json(report.to_dict()), "tasks.csv": as_csv(flat(report.rows), columns())}
