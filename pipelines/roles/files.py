"""The files of `circuits roles`.

roles.json   rules, labels with their evidence, and all readings of all heads
roles.csv    a line per head, label and condition
graph.json   the circuit, its heads with their labels; `circuits export FOLDER/graph.json graphml`, and other formats
"""

from __future__ import annotations

from graphs.export import exporter
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv
from pipelines.roles.plan import RolesPlan
from pipelines.roles.report import RolesReport
from pipelines.roles.table import COLUMNS, csv_rows


def files(plan: RolesPlan, report: RolesReport) -> dict[str, bytes]:
    """Labels, and the circuit that has them."""
    return {
        "roles.json": as_json(report.to_dict()),
        "roles.csv": as_csv(csv_rows(report), COLUMNS),
        "graph.json": exporter("json").to_bytes(report.graph),
    }
