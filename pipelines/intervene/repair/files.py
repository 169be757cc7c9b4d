"""The files of a repair.

repair.json      settings, how heads were found and chosen, and everything below
repair.csv       the prompts that judge: a row for the plain model, each head alone, and sets
downstream.csv   the heads that say the answer, before and under the edit
"""

from __future__ import annotations

from circuits.evaluation.repair import Mover
from pipelines.engine.store import as_json
from pipelines.intervene.effect_rows import FOR_FILES
from pipelines.intervene.repair.plan import RepairPlan
from pipelines.intervene.repair.report import RepairReport
from pipelines.reporting.tables import Column, as_csv

_WITH_INTERVAL = ("right_change", "wrong_change", "direct_change", "direct_ratio")


def files(plan: RepairPlan, report: RepairReport) -> dict[str, bytes]:
    """The report as JSON, and its tables."""
    columns = [
        Column(name, name, interval=f"{name}_interval" if name in _WITH_INTERVAL else None) for name in Mover._fields
    ]
    return {
        "repair.json": as_json(report.to_dict()),
        "repair.csv": as_csv(report.rows, (*FOR_FILES, Column("is_chosen"))),
        "downstream.csv": as_csv(report.movers, columns),
    }
