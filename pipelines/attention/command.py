"""`circuits attention`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.attention.files import files
from pipelines.attention.plan import plan
from pipelines.attention.report import AttentionReport, report
from pipelines.attention.settings import AttentionSettings
from pipelines.attention.table import print_attention
from pipelines.command import Command, call
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, AttentionKeywords

COMMAND = Command("attention", AttentionSettings, plan, report, files, print_attention)


@takes_settings(AttentionSettings)
def attention(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[AttentionKeywords]) -> AttentionReport:
    """Where heads attend on a prompt of a task, and by role over its prompts.

    settings  fields of `AttentionSettings` (heads, prompt, row, model, ...) and of `Execution` (out, workers, ...)

    Cost: one forward pass of the prompts, and their attention once more.

    >>> from pipelines import attention
    >>> report = attention("induction", heads="a1.h2", prompts=4)
    >>> {row["key"]: row["mean"] > 0.8 for row in report.rows if row["query"] == "END"}["B"]
    True
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
