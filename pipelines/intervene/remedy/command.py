"""The commands that try a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.intervene.remedy import settings as of
from pipelines.intervene.remedy.files import files
from pipelines.intervene.remedy.paper import papers
from pipelines.intervene.remedy.plan import RemedyPlan, plan
from pipelines.intervene.remedy.report import RemedyReport, report
from pipelines.intervene.remedy.table import print_remedy
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, TryRemedyKeywords

_SETTINGS: dict[str, type[of.RemedySettings]] = {
    "mask-heads": of.MaskHeadsSettings,
    "zero-tuning": of.ZeroTuningSettings,
    "act": of.ActSettings,
    "var": of.VarSettings,
    "vhr": of.VhrSettings,
    "remedy": of.AnyRemedySettings,
}
COMMAND: dict[str, Command[of.RemedySettings, RemedyPlan, RemedyReport]] = {
    kind.__name__: Command(f"intervene {name}", kind, plan, report, files, print_remedy, papers)
    for name, kind in _SETTINGS.items()
}


@takes_settings(*_SETTINGS.values())
def try_remedy(
    name: str, task: AnyTask, *, progress: bool | None = None, **settings: Unpack[TryRemedyKeywords]
) -> RemedyReport:
    """Choose heads, and how strongly they are edited, on one half of the prompts, and judge that on the other half.

    name      mask-heads, zero-tuning, act, var, vhr, or the name of another remedy in `circuits.remedies.REMEDIES`
    task      name of a task, or a prompt file
    settings  those of the command (`circuits intervene NAME --help`), and of `Execution` (out, ...)

    Raises a ValueError before anything is measured where a model, a profile or a role is not there.

    >>> from pipelines import try_remedy
    >>> result = try_remedy("mask-heads", "induction", by="induction:1,4", prompts=8, random=1)
    >>> [(row["variant"], row["n_heads"]) for row in result.rows]
    [('plain', 0), ('set', 1), ('set', 4), ('all', 16)]
    """
    kind = _SETTINGS.get(name, of.AnyRemedySettings)
    named = {} if name in _SETTINGS else {"name": name}
    return call(COMMAND[kind.__name__], {"task": task, **named, **settings}, progress=progress)
