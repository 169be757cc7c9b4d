"""The files of a concept."""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.intervene.concept.figures import figures
from pipelines.intervene.concept.generated import FOR_FILES as GENERATED
from pipelines.intervene.concept.plan import ConceptPlan
from pipelines.intervene.concept.report import ConceptReport
from pipelines.intervene.concept.table import FOR_FILES
from pipelines.reporting.tables import as_csv


def files(plan: ConceptPlan, report: ConceptReport) -> dict[str, bytes]:
    """concept.json, concept.csv with a line per strength, and concept.pdf and .svg, the curve over strengths.

    generated.csv, where tokens were generated: a line for the plain model and one per strength.
    """
    tables = {"concept.json": as_json(report.to_dict()), "concept.csv": as_csv(report.rows, FOR_FILES)}
    if report.generated:
        tables["generated.csv"] = as_csv(report.generated, GENERATED)
    return tables | figures(report)
