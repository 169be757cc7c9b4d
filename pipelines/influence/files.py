"""The files of `circuits influence`.

influence.json   what was masked, a row for every group and every text
influence.csv    the texts, as a table
influence.pdf, influence.svg   influence of the texts over the range of random sets
"""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.influence.figures import figures
from pipelines.influence.plan import InfluencePlan
from pipelines.influence.report import InfluenceReport
from pipelines.influence.table import COLUMNS
from pipelines.reporting.tables import as_csv


def files(plan: InfluencePlan, report: InfluenceReport) -> dict[str, bytes]:
    """The report as JSON and CSV, and its figure."""
    tables = {"influence.json": as_json(report.to_dict()), "influence.csv": as_csv(report.rows, COLUMNS)}
    return tables | figures(report)
