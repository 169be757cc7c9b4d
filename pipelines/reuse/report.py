"""What a report of reuse shows, and what it had to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.reporting.report import Format, Report
from pipelines.reuse.panels import Panel, panels
from pipelines.reuse.plan import ReusePlan


@dataclass(frozen=True, kw_only=True)
class ReuseReport(Report):
    """A page about what runs share.

    panels  its figures, in order, with those that were left out and why

    >>> from pipelines import compare, discover, report_reuse
    >>> runs = [discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")]
    >>> report = report_reuse(compare(*runs).folder)
    >>> report.panels[0].name
    'transfer'
    """

    format = Format("circuit-workbench-reuse-report", 1)
    panels: tuple[Panel, ...]

    def content(self) -> dict[str, Any]:
        return {
            "page": "reuse.html",
            "panels": [
                {"name": panel.name, "is_drawn": panel.draw is not None, "reason": panel.reason}
                for panel in self.panels
            ],
            "warnings": list(self.warnings),
        }


def report(plan: ReusePlan) -> ReuseReport:
    """The report of stored results; runs nothing."""
    return ReuseReport(folder=plan.folder, warnings=tuple(plan.comparison["warnings"]), panels=tuple(panels(plan)))
