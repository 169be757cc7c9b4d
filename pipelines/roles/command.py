"""`circuits roles`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.roles.files import files
from pipelines.roles.paper import papers
from pipelines.roles.plan import plan
from pipelines.roles.report import RolesReport, report
from pipelines.roles.settings import RolesSettings
from pipelines.roles.table import print_roles
from pipelines.runs.run import Run
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import LabelHeadsKeywords

COMMAND = Command("roles", RolesSettings, plan, report, files, print_roles, papers)


@takes_settings(RolesSettings)
def label_heads(
    run: Run | str | Path, *, progress: bool | None = None, **settings: Unpack[LabelHeadsKeywords]
) -> RolesReport:
    """What the heads of a run's circuit do, by written rules.

    settings  fields of `RolesSettings` (rules, right, wrong, level) and of `Execution` (out, workers, ...)

    Cost: about half a forward pass of the judging prompts for each head, less for late layers; the pass that profiles.

    >>> from pipelines import discover, label_heads
    >>> report = label_heads(discover("induction", prompts=32))
    >>> {row["head"]: row["role"] for row in report.rows}["a1.h2"]
    'induction'
    """
    return call(COMMAND, {"run": run, **settings}, progress=progress)
