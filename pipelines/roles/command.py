"""`circuits roles`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.command import Command, run_command
from pipelines.roles.files import files
from pipelines.roles.paper import papers
from pipelines.roles.plan import plan
from pipelines.roles.report import RolesReport, report
from pipelines.roles.settings import RolesSettings
from pipelines.roles.table import print_roles
from pipelines.runs.run import Run
from pipelines.runs.settings_file import settings_from

COMMAND = Command("roles", RolesSettings, plan, report, files, print_roles, papers)


def label_heads(run: Run | str | Path, *, shows_progress: bool = False, **settings: Any) -> RolesReport:
    """What the heads of a run's circuit do, by written rules.

    settings  fields of `RolesSettings` (rules, right, wrong, level) and of `Execution` (out, workers, ...)

    Cost: about half a forward pass of the judging prompts for each head, less for late layers; the pass that profiles.

    >>> from pipelines import discover, label_heads
    >>> report = label_heads(discover("induction", prompts=32))
    >>> {row["head"]: row["role"] for row in report.rows}["a1.h2"]
    'induction'
    """
    checked = settings_from({"run": run, **settings}, RolesSettings)
    return run_command(COMMAND, *checked, shows_progress=shows_progress)
