"""`circuits intervene repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.repair.files import files
from pipelines.intervene.repair.paper import papers
from pipelines.intervene.repair.plan import plan
from pipelines.intervene.repair.report import RepairReport, report
from pipelines.intervene.repair.settings import RepairSettings
from pipelines.intervene.repair.table import print_repair
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, RepairKeywords

COMMAND = Command("intervene repair", RepairSettings, plan, report, files, print_repair, papers)


@takes_settings(RepairSettings)
def repair(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[RepairKeywords]) -> RepairReport:
    """Make heads look on a task where they look on another one, and see whether that solves the task.

    task      name of a task, or a prompt file
    settings  fields of `RepairSettings` (model, like, heads, edit, prompts, ...) and of `Execution` (out, ...)

    Computes only what the store lacks. Raises a ValueError before anything is measured where a head, a role or a run
    is not there, and where no head is found.

    >>> from pipelines import repair
    >>> result = repair("colored-objects", model="reference-early", heads="a2.h0,a3.h1", prompts=8, random=2)
    >>> [row["heads"] for row in result.rows]
    [[], ['a2.h0'], ['a3.h1'], ['a2.h0', 'a3.h1']]
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
