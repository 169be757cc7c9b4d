"""The files of `circuits effects`."""

from __future__ import annotations

from pipelines.effects.plan import EffectsPlan
from pipelines.effects.report import EffectsReport
from pipelines.effects.table import COLUMNS
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv


def files(plan: EffectsPlan, report: EffectsReport) -> dict[str, bytes]:
    """effects.json, and effects.csv with a line per head and MLP."""
    return {"effects.json": as_json(report.to_dict()), "effects.csv": as_csv(report.rows, COLUMNS)}
