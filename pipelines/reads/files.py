"""The files of `circuits reads`."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.reads.figures import figures
from pipelines.reads.plan import ReadsPlan
from pipelines.reads.report import ReadsReport
from pipelines.reads.table import COLUMNS
from pipelines.reporting.tables import as_csv


def files(plan: ReadsPlan, report: ReadsReport) -> dict[str, bytes]:
    """reads.json, reads.csv with a line per head and part, and reads.pdf and .svg with a table per head."""
    tables = {"reads.json": as_json(report.to_dict()), "reads.csv": as_csv(report.rows, COLUMNS)}
    return tables | figures(report)
