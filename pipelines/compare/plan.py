"""The two runs to compare. Nothing is computed: their circuits and scores are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.compare.settings import CompareSettings
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.runs.run import Run, open_run


@dataclass(frozen=True)
class ComparePlan(Plan):
    """Two runs, and where their comparison goes."""

    a: Run
    b: Run
    across_models: bool
    target: Path

    @property
    def folder(self) -> Path:
        return self.target


def plan(settings: CompareSettings, execution: Execution) -> ComparePlan:
    """The runs, opened. ValueError where one is unknown or not finished."""
    given = (settings.run_a, settings.run_b)
    a, b = (run if isinstance(run, Run) else open_run(run, out=execution.out) for run in given)
    target = settings.folder or execution.out / f"compare-{a.name}-{b.name}"
    return ComparePlan(a, b, settings.across_models, target)
