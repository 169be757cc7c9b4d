"""`circuits report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.report.files import files
from pipelines.report.plan import plan
from pipelines.report.report import Appendix, report
from pipelines.report.settings import ReportSettings
from pipelines.report.table import print_report
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import WriteReportKeywords

COMMAND = Command("report", ReportSettings, plan, report, files, print_report)


@takes_settings(ReportSettings)
def write_report(*subjects: Run | str | Path, **settings: Unpack[WriteReportKeywords]) -> Appendix:
    """A document for the appendix of a paper: methods, results, limits, settings and BibTeX, from stored results.

    subjects  runs, causal traces, and folders of studies and evaluations, in the order of the document
    settings  fields of `ReportSettings` (to, numbers, title, folder) and `out`, the store in which names are looked up

    Runs no model; the same results give the same bytes.

    >>> from pipelines import discover, write_report
    >>> report = write_report(discover("ioi", prompts=8, edges=40), to="markdown")
    >>> [section.title for section in report.document.sections]
    ['Methods', 'Results', 'Limits', 'Commands and settings']
    >>> report.document.references[0].short
    'Hanna et al. 2024'
    """
    return call(COMMAND, {"subjects": subjects, **settings}, progress=False)
