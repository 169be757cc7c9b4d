"""The files of an evaluation."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.evaluate.plan import EvaluatePlan
from pipelines.evaluate.report import Evaluation
from pipelines.evaluate.table import COLUMNS
from pipelines.reporting.tables import as_csv

EVALUATION_FILE = "evaluation.json"


def files(plan: EvaluatePlan, report: Evaluation) -> dict[str, bytes]:
    """evaluation.json and evaluation.csv: one row per run."""
    return {EVALUATION_FILE: as_json(report.to_dict()), "evaluation.csv": as_csv(report.rows, COLUMNS)}
