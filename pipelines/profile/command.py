"""`circuits profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.profile.files import files
from pipelines.profile.plan import plan
from pipelines.profile.report import ProfileReport, report
from pipelines.profile.settings import ProfileSettings
from pipelines.profile.table import print_profiles
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, ProfileKeywords

COMMAND = Command("profile", ProfileSettings, plan, report, files, print_profiles)


@takes_settings(ProfileSettings)
def profile(task: AnyTask = "", *, progress: bool | None = None, **settings: Unpack[ProfileKeywords]) -> ProfileReport:
    """What every head attends to and writes on the clean prompts of a task, or of a prompt file; without one, profiles
    of weights alone.

    settings  fields of `ProfileSettings` (profiles, model, prompts, seed, ...) and of `Execution` (out, workers, ...)

    Cost: one forward pass of the prompts, and their attention once more.

    >>> from pipelines import profile
    >>> rows = profile("induction", profiles="induction", prompts=4).rows
    >>> max(rows, key=lambda row: row["mean"])["head"]
    'a1.h2'
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
