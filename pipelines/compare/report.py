"""What the circuits of two runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circuits.solved import dropped
from graphs import compare as compare_graphs
from graphs.comparison.traces import compare_traces
from pipelines.compare.plan import ComparePlan
from pipelines.discover.run import DiscoverRun
from pipelines.reporting.report import Format, Report
from pipelines.runs.caveats import of_choice
from pipelines.runs.run import Run
from pipelines.trace.run import TraceRun

if TYPE_CHECKING:
    from graphs import Comparison
    from graphs.comparison.traces import TraceComparison

_LARGEST_DIFFERENCES = 8


@dataclass(frozen=True, kw_only=True)
class StoredComparison(Report):
    """Two circuits compared.

    traces  their recovery rates compared, where both are causal traces
    """

    format = Format("circuit-workbench-comparison-summary", 1)
    comparison: Comparison
    traces: TraceComparison | None
    summary: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        return dict(self.summary)


def report(plan: ComparePlan) -> StoredComparison:
    """The comparison. ValueError for circuits of different models, which says what can still be compared.

    If both runs are of head coding, heads that code together across the two tasks share a group number. If both are
    causal traces, their recovery rates are compared cell by cell as well; a trace and a circuit of heads are compared
    by layer.
    """
    first, second = plan.a, plan.b
    groups = _groups_across(first, second)
    if first.graph.wiring.joins_heads == second.graph.wiring.joins_heads:
        comparison = compare_graphs(
            first.graph.with_groups(groups),
            second.graph.with_groups(groups),
            scores=(first.scores, second.scores),
            node_scores=(first.node_scores, second.node_scores),
            across_models=plan.across_models,
        )
    else:  # a trace has whole layers only, so the other circuit's heads are merged by layer
        graphs = (first.graph.by_layer(), second.graph.by_layer())
        comparison = compare_graphs(*graphs, across_models=plan.across_models)
    summary = {"a": first.name, "b": second.name, "folder": str(plan.folder)} | comparison.reuse.summary()
    summary["scored_by"] = {"a": comparison.a.scored_by, "b": comparison.b.scored_by}
    summary["solved"] = {side: dropped(_solved(run)) for side, run in (("a", first), ("b", second))}
    traces = None
    if isinstance(first, TraceRun) and isinstance(second, TraceRun):
        traces = compare_traces(first.trace, second.trace)
        summary["traces"] = _of_traces(traces)
    if groups:
        summary["head_groups"] = [
            [name for name, of in groups.items() if of == group] for group in sorted(set(groups.values()))
        ]
    warnings = tuple(dict.fromkeys(f"{run.name}: {text}" for run in (first, second) for text in of_choice(run)))
    summary["warnings"] = list(warnings)
    return StoredComparison(
        folder=plan.folder, warnings=warnings, comparison=comparison, traces=traces, summary=summary
    )


def _solved(run: Run) -> Mapping[str, int] | None:
    origin = run.graph.provenance
    return None if origin is None else origin.solved


def _of_traces(traces: TraceComparison) -> dict[str, Any]:
    """How far two traces agree, and where they recover the most different amounts."""
    counts = {"cells": traces.n_cells, "cells_apart": traces.n_apart}
    correlations = {"rank_correlations": dict(traces.correlations)}
    return counts | correlations | {"largest": traces.rows()[:_LARGEST_DIFFERENCES]}


def _groups_across(a: Run, b: Run) -> dict[str, int]:
    """Head -> number of its group, for heads that code together on the prompts of both runs; empty without codes.

    Heads of one group show positive-only codes on the same prompts of both tasks (`circuits.head_codes.grouping`).
    """
    coded = [run.codes if isinstance(run, DiscoverRun) else None for run in (a, b)]
    models = {run.scores.provenance.model_fingerprint for run in (a, b)}
    if None in coded or len(models) > 1:
        return {}
    from circuits.head_codes.grouping import named_groups

    return named_groups([(run.codes, run.is_positive) for run in coded if run is not None], a.graph.wiring.n_heads)
