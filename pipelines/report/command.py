"""`circuits report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.command import Command, run_command
from pipelines.report.files import files
from pipelines.report.plan import plan
from pipelines.report.report import Appendix, report
from pipelines.report.settings import ReportSettings
from pipelines.report.table import print_report
from pipelines.runs.run import Run
from pipelines.runs.settings_file import settings_from

COMMAND = Command("report", ReportSettings, plan, report, files, print_report)


def write_report(*subjects: Run | str | Path, **settings: Any) -> Appendix:
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
    return run_command(COMMAND, *settings_from({"subjects": subjects, **settings}, ReportSettings))
