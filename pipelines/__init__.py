"""Runs: what to measure, where to compute it, and how results are stored.

from pipelines import compare, discover
ioi = discover("ioi", prompts=64)
colors = discover("colored-objects", prompts=64)
print(ioi.graph.description, compare(ioi, colors).summary["heads_iou"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.api import StoredComparison, compare, discover, export, open_run
    from pipelines.code_report import CodeReport, explain_codes
    from pipelines.config import Execution, RunConfig
    from pipelines.interventions import Intervention, intervene
    from pipelines.judge_runs import Evaluation, evaluate
    from pipelines.runs import Run
    from pipelines.studies import Study, study
    from pipelines.traces import trace

__all__ = [
    "CodeReport",
    "Evaluation",
    "Execution",
    "Intervention",
    "Run",
    "RunConfig",
    "StoredComparison",
    "Study",
    "compare",
    "discover",
    "evaluate",
    "explain_codes",
    "export",
    "intervene",
    "open_run",
    "study",
    "trace",
]

_HOMES = {
    "CodeReport": "code_report",
    "Evaluation": "judge_runs",
    "Execution": "config",
    "Intervention": "interventions",
    "Run": "runs",
    "RunConfig": "config",
    "StoredComparison": "api",
    "Study": "studies",
    "compare": "api",
    "discover": "api",
    "evaluate": "judge_runs",
    "explain_codes": "code_report",
    "export": "api",
    "intervene": "interventions",
    "open_run": "api",
    "study": "studies",
    "trace": "traces",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `circuits --help` must not wait for pydantic, numpy and networkx.
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(import_module(f"pipelines.{_HOMES[name]}"), name)
