"""`circuits codes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.codes.files import files
from pipelines.codes.paper import papers
from pipelines.codes.plan import plan
from pipelines.codes.report import CodeReport, report
from pipelines.codes.settings import CodesSettings
from pipelines.codes.table import print_codes
from pipelines.command import Command, call
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import ExplainCodesKeywords

COMMAND = Command("codes", CodesSettings, plan, report, files, print_codes, papers)


@takes_settings(CodesSettings)
def explain_codes(
    run: Run | str | Path, *, progress: bool | None = None, **settings: Unpack[ExplainCodesKeywords]
) -> CodeReport:
    """What the codes mean that heads show on positives and on no negative; saved as JSON, CSV and a figure.

    run       of head-coding or code-pairs: its folder, or its name within the store `out`
    settings  fields of `CodesSettings` (trial, whose codes are explained: a code number means a different feature in
              every trial; heads, to explain the codes of the N heads with the highest scores, by default of those in
              the run's circuit; folder, by default `codes` in the run's folder) and of `Execution`

    Computes only what the store lacks. Raises a ValueError before any model runs if the run has no codes, is out of
    date, lacks the trial, or has fewer heads.

    >>> from pipelines import discover, explain_codes
    >>> coding = {"trials": 1, "epochs": 20}
    >>> run = discover("ioi", corruption="abc", prompts=8, method="head-coding", settings=coding)
    >>> report = explain_codes(run)
    >>> sorted(path.name for path in report.folder.iterdir())
    ['about.json', 'autoencoders', 'codes.csv', 'codes.json', 'codes.pdf', 'codes.svg']
    """
    return call(COMMAND, {"run": run, **settings}, progress=progress)
