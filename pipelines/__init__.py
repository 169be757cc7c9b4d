"""Runs: what to measure, where to compute it, and how results are stored.

>>> from pipelines import discover, open_run
>>> ioi = discover("ioi", prompts=8, edges=40)
>>> ioi.graph.description
'40 of 479 edges, weakest 0.38..., faithfulness 0.7...'
>>> open_run(ioi.name).graph == ioi.graph
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.cli.export import export
    from pipelines.codes.command import explain_codes
    from pipelines.codes.report import CodeReport
    from pipelines.compare.command import compare
    from pipelines.compare.report import StoredComparison
    from pipelines.discover.command import discover
    from pipelines.discover.run import DiscoverRun
    from pipelines.engine.execution import Execution
    from pipelines.evaluate.command import evaluate
    from pipelines.evaluate.report import Evaluation
    from pipelines.intervene.command import intervene
    from pipelines.intervene.report import Intervention
    from pipelines.profile.command import profile
    from pipelines.profile.report import ProfileReport
    from pipelines.runs.run import Run, open_run
    from pipelines.runs.settings import RunConfig
    from pipelines.study.command import study
    from pipelines.study.report import Study
    from pipelines.tasks.command import measure_tasks
    from pipelines.tasks.report import TasksReport
    from pipelines.trace.command import trace
    from pipelines.trace.run import TraceRun

__all__ = [
    "CodeReport",
    "DiscoverRun",
    "Evaluation",
    "Execution",
    "Intervention",
    "ProfileReport",
    "Run",
    "RunConfig",
    "StoredComparison",
    "Study",
    "TasksReport",
    "TraceRun",
    "compare",
    "discover",
    "evaluate",
    "explain_codes",
    "export",
    "intervene",
    "measure_tasks",
    "open_run",
    "profile",
    "study",
    "trace",
]

_HOMES = {
    "CodeReport": "codes.report",
    "DiscoverRun": "discover.run",
    "Evaluation": "evaluate.report",
    "Execution": "engine.execution",
    "Intervention": "intervene.report",
    "ProfileReport": "profile.report",
    "Run": "runs.run",
    "RunConfig": "runs.settings",
    "StoredComparison": "compare.report",
    "Study": "study.report",
    "TasksReport": "tasks.report",
    "TraceRun": "trace.run",
    "compare": "compare.command",
    "discover": "discover.command",
    "evaluate": "evaluate.command",
    "explain_codes": "codes.command",
    "export": "cli.export",
    "intervene": "intervene.command",
    "measure_tasks": "tasks.command",
    "open_run": "runs.run",
    "profile": "profile.command",
    "study": "study.command",
    "trace": "trace.command",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `circuits --help` must not wait for pydantic, numpy and networkx.
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(import_module(f"pipelines.{_HOMES[name]}"), name)


class _Package(ModuleType):
    """This package, in which the function of a command is not hidden by the command's folder of the same name.

    Importing `pipelines.discover` sets the attribute `discover` of this package to that folder; here it stays the
    function. Modules in the folder are imported as ever: `from pipelines.discover.plan import plan`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
