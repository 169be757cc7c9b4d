"""`circuits effects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.effects.files import files
from pipelines.effects.paper import papers
from pipelines.effects.plan import plan
from pipelines.effects.report import EffectsReport, report
from pipelines.effects.settings import EffectsSettings
from pipelines.effects.table import print_effects
from pipelines.runs.signature import takes_settings

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, EffectsKeywords

COMMAND = Command("effects", EffectsSettings, plan, report, files, print_effects, papers)


@takes_settings(EffectsSettings)
def effects(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[EffectsKeywords]) -> EffectsReport:
    """Direct and total effect of every head and MLP at the answer position of the prompts of a task.

    settings  fields of `EffectsSettings` (metric, ablation, model, prompts, ...) and of `Execution` (out, workers, ...)

    Cost: two forward passes, a readout per part for direct effects, and for total ones a run of the last position from
    each part on.

    >>> from pipelines import effects
    >>> row = effects("ioi", prompts=4).rows[0]
    >>> sorted(row)[:4]
    ['class', 'direct', 'direct_interval', 'indirect']
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress)
