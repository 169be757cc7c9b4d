"""The files of a study."""

from __future__ import annotations

from graphs.figures.sweep import study_figure_bytes
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv
from pipelines.study.plan import StudyPlan
from pipelines.study.report import Study
from pipelines.study.table import columns_of

STUDY_FILE = "study.json"


def files(plan: StudyPlan, report: Study) -> dict[str, bytes]:
    """study.json and study.csv: one row per value; study.pdf and study.svg: the curve."""
    return {
        STUDY_FILE: as_json(report.to_dict()),
        "study.csv": as_csv(report.rows, columns_of(report)),
        "study.pdf": study_figure_bytes(report.curve, "pdf"),
        "study.svg": study_figure_bytes(report.curve, "svg"),
    }
