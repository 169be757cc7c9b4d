"""`circuits intervene rank`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.rank.files import files
from pipelines.intervene.rank.paper import papers
from pipelines.intervene.rank.plan import plan
from pipelines.intervene.rank.report import RankReport, report
from pipelines.intervene.rank.settings import RankSettings
from pipelines.intervene.rank.table import print_rank
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, RankCurveKeywords

COMMAND = Command("intervene rank", RankSettings, plan, report, files, print_rank, papers)


@takes_settings(RankSettings)
def rank_curve(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[RankCurveKeywords]) -> RankReport:
    """How few directions of their queries, keys and values heads need on a task.

    task      name of a task, or a prompt file
    settings  fields of `RankSettings` (model, heads, key, query, sides, ranks, ...) and of `Execution` (out, ...)

    Computes only what the store lacks. Raises a ValueError before anything is judged where a head or a role is not
    there, and where a half has fewer vectors than directions are asked for.

    >>> from pipelines import rank_curve
    >>> curve = rank_curve("ioi", heads="a2.h1", ranks="0,2", prompts=8, random=0)
    >>> [row["rank"] for row in curve.rows]
    [0, 2, 32]
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
