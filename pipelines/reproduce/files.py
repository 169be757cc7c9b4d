"""The files of `circuits reproduce reuse`: reuse.json, and reuse.csv with a row per number."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.reporting.tables import Column, as_csv
from pipelines.reproduce.plan import ReusePlan
from pipelines.reproduce.report import Reproduction

_COLUMNS = (
    Column("what"),
    Column("measured", interval="interval"),
    *map(Column, ("counted", "published", "as_published")),
)


def files(plan: ReusePlan, report: Reproduction) -> dict[str, bytes]:
    """The numbers as JSON and CSV."""
    return {"reuse.json": as_json(report.to_dict()), "reuse.csv": as_csv(report.rows, _COLUMNS)}
