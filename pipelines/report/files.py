"""The files of a report: those of its format, as report.html, or report.md with its figures and references.bib."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.report.plan import ReportPlan
from pipelines.report.report import Appendix
from pipelines.reporting.document import document_format
from pipelines.reporting.paper import number_style


def files(plan: ReportPlan, report: Appendix) -> Mapping[str, bytes]:
    """The document as its format writes it."""
    return document_format(plan.settings.to).write(report.document, number_style(plan.settings.numbers))
