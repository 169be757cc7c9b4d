"""Runs: what to measure, where to compute it, and how results are stored.

>>> from pipelines import discover, open_run
>>> ioi = discover("ioi", prompts=8, edges=40)
>>> ioi.circuit.description
'40 of 479 edges, weakest 0.38..., faithfulness 0.7...'
>>> open_run(ioi.name).circuit == ioi.circuit
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.attention.command import attention
    from pipelines.attention.report import AttentionReport
    from pipelines.cli.export import caption, export
    from pipelines.cluster.command import cluster
    from pipelines.cluster.report import ClusterReport
    from pipelines.codes.command import explain_codes
    from pipelines.codes.report import CodeReport
    from pipelines.compare.aligned import AlignedHeads
    from pipelines.compare.command import align_heads, compare, compare_published
    from pipelines.compare.published import PublishedComparison
    from pipelines.compare.report import StoredComparison
    from pipelines.discover.command import discover
    from pipelines.discover.run import DiscoverRun
    from pipelines.draw.draw import draw
    from pipelines.effects.command import effects
    from pipelines.effects.report import EffectsReport
    from pipelines.engine.execution import Execution
    from pipelines.evaluate.command import evaluate
    from pipelines.evaluate.report import Evaluation
    from pipelines.influence.command import influence
    from pipelines.influence.report import InfluenceReport
    from pipelines.intervene.command import intervene
    from pipelines.intervene.concept.command import add_concept
    from pipelines.intervene.concept.report import ConceptReport
    from pipelines.intervene.edit.command import edit_heads
    from pipelines.intervene.edit.report import EditReport
    from pipelines.intervene.rank.command import rank_curve
    from pipelines.intervene.rank.report import RankReport
    from pipelines.intervene.remedy.command import try_remedy
    from pipelines.intervene.remedy.report import RemedyReport
    from pipelines.intervene.repair.command import repair
    from pipelines.intervene.repair.report import RepairReport
    from pipelines.intervene.report import Intervention
    from pipelines.orders.command import measure_orders
    from pipelines.orders.report import OrdersReport
    from pipelines.profile.command import profile
    from pipelines.profile.report import ProfileReport
    from pipelines.reads.command import reads
    from pipelines.reads.report import ReadsReport
    from pipelines.report.command import write_report
    from pipelines.report.report import Appendix
    from pipelines.reproduce.command import reproduce_reuse
    from pipelines.reproduce.report import Reproduction
    from pipelines.reuse.command import report_reuse
    from pipelines.reuse.report import ReuseReport
    from pipelines.roles.command import label_heads
    from pipelines.roles.report import RolesReport
    from pipelines.runs.run import Run, open_run
    from pipelines.runs.settings import RunConfig
    from pipelines.study.command import study
    from pipelines.study.report import Study
    from pipelines.tasks.command import measure_tasks
    from pipelines.tasks.report import TasksReport
    from pipelines.trace.command import trace
    from pipelines.trace.run import TraceRun

__all__ = [
    "AlignedHeads",
    "Appendix",
    "AttentionReport",
    "ClusterReport",
    "CodeReport",
    "ConceptReport",
    "DiscoverRun",
    "EditReport",
    "EffectsReport",
    "Evaluation",
    "Execution",
    "InfluenceReport",
    "Intervention",
    "OrdersReport",
    "ProfileReport",
    "PublishedComparison",
    "RankReport",
    "ReadsReport",
    "RemedyReport",
    "RepairReport",
    "Reproduction",
    "ReuseReport",
    "RolesReport",
    "Run",
    "RunConfig",
    "StoredComparison",
    "Study",
    "TasksReport",
    "TraceRun",
    "add_concept",
    "align_heads",
    "attention",
    "caption",
    "cluster",
    "compare",
    "compare_published",
    "discover",
    "draw",
    "edit_heads",
    "effects",
    "evaluate",
    "explain_codes",
    "export",
    "influence",
    "intervene",
    "label_heads",
    "measure_orders",
    "measure_tasks",
    "open_run",
    "profile",
    "rank_curve",
    "reads",
    "repair",
    "report_reuse",
    "reproduce_reuse",
    "study",
    "trace",
    "try_remedy",
    "write_report",
]

_HOMES = {
    "Appendix": "report.report",
    "AlignedHeads": "compare.aligned",
    "AttentionReport": "attention.report",
    "ClusterReport": "cluster.report",
    "CodeReport": "codes.report",
    "ConceptReport": "intervene.concept.report",
    "DiscoverRun": "discover.run",
    "EditReport": "intervene.edit.report",
    "EffectsReport": "effects.report",
    "Evaluation": "evaluate.report",
    "Execution": "engine.execution",
    "InfluenceReport": "influence.report",
    "Intervention": "intervene.report",
    "OrdersReport": "orders.report",
    "ProfileReport": "profile.report",
    "RankReport": "intervene.rank.report",
    "ReadsReport": "reads.report",
    "RemedyReport": "intervene.remedy.report",
    "RepairReport": "intervene.repair.report",
    "Reproduction": "reproduce.report",
    "ReuseReport": "reuse.report",
    "RolesReport": "roles.report",
    "Run": "runs.run",
    "RunConfig": "runs.settings",
    "PublishedComparison": "compare.published",
    "StoredComparison": "compare.report",
    "Study": "study.report",
    "TasksReport": "tasks.report",
    "TraceRun": "trace.run",
    "add_concept": "intervene.concept.command",
    "align_heads": "compare.command",
    "attention": "attention.command",
    "cluster": "cluster.command",
    "compare": "compare.command",
    "compare_published": "compare.command",
    "discover": "discover.command",
    "edit_heads": "intervene.edit.command",
    "effects": "effects.command",
    "evaluate": "evaluate.command",
    "explain_codes": "codes.command",
    "caption": "cli.export",
    "draw": "draw.draw",
    "export": "cli.export",
    "influence": "influence.command",
    "intervene": "intervene.command",
    "label_heads": "roles.command",
    "measure_orders": "orders.command",
    "measure_tasks": "tasks.command",
    "open_run": "runs.run",
    "profile": "profile.command",
    "rank_curve": "intervene.rank.command",
    "reads": "reads.command",
    "repair": "intervene.repair.command",
    "report_reuse": "reuse.command",
    "reproduce_reuse": "reproduce.command",
    "study": "study.command",
    "trace": "trace.command",
    "try_remedy": "intervene.remedy.command",
    "write_report": "report.command",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `circuits --help` must not wait for pydantic, numpy and networkx.
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(import_module(f"pipelines.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    # For completion, which should not need to know what was used before.
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})


class _Package(ModuleType):
    """This package, in which the function of a command is not hidden by the command's folder of the same name.

    Importing `pipelines.discover` sets the attribute `discover` of this package to that folder; here it stays the
    function. Modules in the folder are imported as ever: `from pipelines.discover.plan import plan`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
