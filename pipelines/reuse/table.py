"""A report of reuse in a few lines."""

from __future__ import annotations

from pipelines.reporting.tables import print_line
from pipelines.reuse.files import PAGE
from pipelines.reuse.report import ReuseReport


def print_reuse(report: ReuseReport) -> None:
    """Where the page is, and what it could not show."""
    print_line(f"the page: {report.folder / PAGE}")
    for panel in report.panels:
        if panel.reason is not None:
            print_line(f"left out: {panel.title.lower()}: {panel.reason}")
