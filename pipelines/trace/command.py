"""`circuits trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pipelines.command import Command, call
from pipelines.runs.signature import takes_settings
from pipelines.trace.files import files
from pipelines.trace.paper import papers
from pipelines.trace.plan import plan
from pipelines.trace.report import report, stored_report
from pipelines.trace.run import TraceRun
from pipelines.trace.settings import TraceSettings
from pipelines.trace.table import print_trace

if TYPE_CHECKING:
    from pipelines.keywords import AnyTask, TraceKeywords

COMMAND = Command("trace", TraceSettings, plan, report, files, print_trace, papers, stored_report)


@takes_settings(TraceSettings)
def trace(task: AnyTask, *, progress: bool | None = None, **settings: Unpack[TraceKeywords]) -> TraceRun:
    """Trace a task, or the prompts of a file, and keep the trace; computes only what the store lacks.

    settings  fields of `TraceSettings` (model, settings of the method, metric, ablation, ablation_settings, images,
              annotations, prompts, seed, position, min_gap, min_recovery, draw_images, ...) and of `Execution`
    Raises a ValueError that says what to change, before any model runs where that can be known.

    >>> from pipelines import trace
    >>> run = trace("ioi", prompts=4, noise_at="S1")
    >>> run.trace.scores.positions
    ('S1', 'S1+1', 'IO', 'S2', 'END')
    """
    return call(COMMAND, {"task": task, **settings}, progress=progress).run
