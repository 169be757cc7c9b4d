"""What a report is, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.report.contents import document
from pipelines.report.plan import ReportPlan
from pipelines.reporting.document import Document, document_format
from pipelines.reporting.report import Format, Report


@dataclass(frozen=True, kw_only=True)
class Appendix(Report):
    """A document about stored results.

    document  its contents, whichever format it is written in
    main      the file to open

    >>> from pipelines import discover, write_report
    >>> report = write_report(discover("ioi", prompts=8, edges=40), to="markdown")
    >>> report.main, len(report.document.sections)
    ('report.md', 4)
    """

    format = Format("circuit-workbench-report", 1)
    document: Document
    main: str

    def content(self) -> dict[str, Any]:
        return {
            "file": self.main,
            "title": self.document.title,
            "figures": [figure.name for figure in self.document.figures],
            "references": [citation.key for citation in self.document.references],
        }


def report(plan: ReportPlan) -> Appendix:
    """The document of the plan's chapters; runs nothing."""
    made = document(plan.chapters, plan.settings.title)
    return Appendix(folder=plan.folder, document=made, main=document_format(plan.settings.to).main)
