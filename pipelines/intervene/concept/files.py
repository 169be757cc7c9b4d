"""The files of a concept."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.intervene.concept.figures import figures
from pipelines.intervene.concept.plan import ConceptPlan
from pipelines.intervene.concept.report import ConceptReport
from pipelines.intervene.concept.table import FOR_FILES
from pipelines.reporting.tables import as_csv


def files(plan: ConceptPlan, report: ConceptReport) -> dict[str, bytes]:
    """concept.json, concept.csv with a line per strength, and concept.pdf and .svg, the curve over strengths."""
    tables = {"concept.json": as_json(report.to_dict()), "concept.csv": as_csv(report.rows, FOR_FILES)}
    return tables | figures(report)
