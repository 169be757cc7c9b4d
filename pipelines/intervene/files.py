"""The files of an intervention.

intervention.json   settings, strengths, and a row for every variant and sort of questions
intervention.csv    the rows, as a table
heads.csv           how much each head's output changes without the image (vision-aware head divergence)
captions.json       captions of the images, if captions were requested
"""

from __future__ import annotations

from pipelines.engine.store import as_json
from pipelines.intervene.plan import IriPlan
from pipelines.intervene.report import Intervention
from pipelines.reporting.tables import as_csv


def files(plan: IriPlan, report: Intervention) -> dict[str, bytes]:
    """Tables, and captions if they were requested."""
    tables = {"intervention.csv": as_csv(report.rows), "heads.csv": as_csv(report.heads)}
    captions = {} if report.texts is None else {"captions.json": as_json(report.texts)}
    return {"intervention.json": as_json(report.to_dict()), **tables, **captions}
