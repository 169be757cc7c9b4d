"""A report in a line."""

from __future__ import annotations

from pipelines.report.report import Appendix
from pipelines.reporting.tables import print_line


def print_report(report: Appendix) -> None:
    """Where the document is."""
    print_line(f"{report.document.title}: {report.folder / report.main}")
