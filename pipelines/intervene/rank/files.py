"""The files of a rank curve."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.intervene.rank.plan import RankPlan
from pipelines.intervene.rank.report import RankReport
from pipelines.intervene.rank.table import FOR_FILES
from pipelines.reporting.tables import as_csv


def files(plan: RankPlan, report: RankReport) -> dict[str, bytes]:
    """rank.json, and rank.csv with a line per number of directions."""
    return {"rank.json": as_json(report.to_dict()), "rank.csv": as_csv(report.rows, FOR_FILES)}
