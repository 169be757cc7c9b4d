"""`circuits intervene edit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.edit.files import files
from pipelines.intervene.edit.paper import papers
from pipelines.intervene.edit.plan import plan
from pipelines.intervene.edit.report import EditReport, report
from pipelines.intervene.edit.settings import EditSettings
from pipelines.intervene.edit.table import print_edit
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, EditHeadsKeywords

COMMAND = Command("intervene edit", EditSettings, plan, report, files, print_edit, papers)


@takes_settings(EditSettings)
def edit_heads(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[EditHeadsKeywords]) -> EditReport:
    """Edit attention rows or outputs of chosen heads, and measure what that does to a task.

    task      name of a task, or a prompt file
    settings  fields of `EditSettings` (model, heads, edit, random, prompts, seed, ...) and of `Execution` (out, ...)

    Computes only what the store lacks. Raises a ValueError before anything is measured where a head, a role or a key
    is not there, or a row does not add up to 1.

    >>> from pipelines import edit_heads
    >>> result = edit_heads("ioi", heads="a2.h1,a2.h3", edit="uniform END", prompts=4, random=2)
    >>> [(row["variant"], row["heads"]) for row in result.rows]
    [('plain', []), ('together', ['a2.h1', 'a2.h3']), ('alone', ['a2.h1']), ('alone', ['a2.h3'])]
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
