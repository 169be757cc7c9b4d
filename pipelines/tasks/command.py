"""`circuits tasks --model M`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.runs.signature import takes_settings
from pipelines.tasks.files import files
from pipelines.tasks.paper import papers
from pipelines.tasks.plan import plan
from pipelines.tasks.report import TasksReport, report
from pipelines.tasks.settings import TasksSettings
from pipelines.tasks.table import print_tasks

if TYPE_CHECKING:
    from pipelines.keywords import AnyModel, MeasureTasksKeywords

COMMAND = Command("tasks", TasksSettings, plan, report, files, print_tasks, papers)


@takes_settings(TasksSettings)
def measure_tasks(
    model: AnyModel, *, progress: bool | None = None, **settings: Unpack[MeasureTasksKeywords]
) -> TasksReport:
    """How well a model does every task that is made of words.

    model     bundled or fetched name, Hugging Face id or folder
    settings  fields of `TasksSettings` (prompts, seed, dtype) and of `Execution` (out, workers, ...)

    A task whose prompts the model's tokenizer cannot hold has a reason in place of numbers. Cost: two passes over the
    prompts of each task and corruption.

    >>> from pipelines import measure_tasks
    >>> rows = {row["task"]: row for row in measure_tasks("reference", prompts=8).rows}
    >>> rows["ioi"]["verdict"], rows["ioi"]["chance"], rows["capital"]["verdict"]
    ('in part', 0.5, None)
    """
    return call(COMMAND, {"model": model, **settings}, progress=progress)
