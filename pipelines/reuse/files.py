"""The files of a report of reuse.

reuse.html                    the page: sentences, tables and every figure
transfer.pdf, sets.pdf, ...   its figures by themselves, for papers
"""

from __future__ import annotations

from pipelines.reuse.page import page
from pipelines.reuse.plan import ReusePlan
from pipelines.reuse.report import ReuseReport

PAGE = "reuse.html"


def files(plan: ReusePlan, report: ReuseReport) -> dict[str, bytes]:
    """The page and its figures."""
    figures = {f"{panel.name}.pdf": panel.file("pdf") for panel in report.panels if panel.draw is not None}
    return {PAGE: page(plan, report.panels)} | figures
