"""`circuits reuse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.reuse.files import files
from pipelines.reuse.plan import plan
from pipelines.reuse.report import ReuseReport, report
from pipelines.reuse.settings import ReuseSettings
from pipelines.reuse.table import print_reuse
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import ReportReuseKeywords

COMMAND = Command("reuse", ReuseSettings, plan, report, files, print_reuse)


@takes_settings(ReuseSettings)
def report_reuse(*runs: Run | str | Path, **settings: Unpack[ReportReuseKeywords]) -> ReuseReport:
    """What compared runs share, on one page: reuse.html and its figures, from stored results alone.

    runs      those that were compared, in that order, or the folder of their comparison
    settings  fields of `ReuseSettings` (repair, the folder of one; folder, by default `report` in the comparison's) and
              `out`, the store in which runs are looked up

    Runs no model; the same results give the same bytes. Raises a ValueError where the runs were not compared yet.

    >>> from pipelines import compare, discover, report_reuse
    >>> runs = [discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")]
    >>> report = report_reuse(compare(*runs).folder)
    >>> [panel.name for panel in report.panels if panel.draw is not None]
    ['transfer', 'sets', 'curve', 'heads']
    """
    return call(COMMAND, {"runs": runs, **settings}, progress=False)
