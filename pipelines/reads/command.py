"""`circuits reads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.reads.files import files
from pipelines.reads.plan import plan
from pipelines.reads.report import ReadsReport, report
from pipelines.reads.settings import ReadsSettings
from pipelines.reads.table import print_reads
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, ReadsKeywords

COMMAND = Command("reads", ReadsSettings, plan, report, files, print_reads)


@takes_settings(ReadsSettings)
def reads(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[ReadsKeywords]) -> ReadsReport:
    """Why heads attend on the prompts of a task: their scores, split over what was written on both sides.

    settings  fields of `ReadsSettings` (heads, key, query, minus, model, ...) and of `Execution` (out, workers, ...)

    Cost: one forward pass of the prompts, and for each head products as of a few more heads.

    >>> from pipelines import reads
    >>> rows = reads("ioi", heads="a2.h1", key="S2", minus="others", prompts=4).rows
    >>> rows[0]["query_part"], rows[0]["key_part"]
    ('all', 'all')
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
