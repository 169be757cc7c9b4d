"""The files of `circuits profile`."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.profile.figures import figures
from pipelines.profile.plan import ProfilePlan
from pipelines.profile.report import ProfileReport
from pipelines.profile.sink_figure import sink_figure
from pipelines.profile.table import COLUMNS
from pipelines.reporting.tables import as_csv


def files(plan: ProfilePlan, report: ProfileReport) -> dict[str, bytes]:
    """profiles.json, profiles.csv with a line per profile, place and head, heads.pdf and .svg, and, where sinks are
    asked for, sinks.pdf and .svg, by layer."""
    tables = {"profiles.json": as_json(report.to_dict()), "profiles.csv": as_csv(report.rows, COLUMNS)}
    return tables | figures(report) | sink_figure(report)
