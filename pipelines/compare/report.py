"""What the circuits of runs share, as plain values: what each does on the other tasks, then their overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from circuits.intervals import holm
from circuits.solved import dropped
from graphs import compare as compare_graphs
from graphs.comparison.traces import compare_traces
from pipelines.compare.differences import different_settings
from pipelines.compare.plan import ComparePlan
from pipelines.compare.transfer_rows import transfer_rows
from pipelines.discover.run import DiscoverRun
from pipelines.reporting.report import Format, Report
from pipelines.runs.caveats import of_choice
from pipelines.runs.run import Run
from pipelines.trace.run import TraceRun

if TYPE_CHECKING:
    from graphs import Comparison
    from graphs.comparison.traces import TraceComparison

_LARGEST_DIFFERENCES = 8
_RESAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class StoredComparison(Report):
    """Circuits compared.

    comparisons  pair of runs, by number -> what their circuits share
    traces       recovery rates compared, where two causal traces were given
    summary      every number as plain values: transfer first, then overlap
    """

    format = Format("circuit-workbench-comparison-summary", 2)
    comparisons: Mapping[tuple[int, int], Comparison]
    traces: TraceComparison | None
    summary: Mapping[str, Any]

    @property
    def comparison(self) -> Comparison:
        """What the first two circuits share."""
        return self.comparisons[0, 1]

    def content(self) -> dict[str, Any]:
        return dict(self.summary)


def report(plan: ComparePlan) -> StoredComparison:
    """The comparison. ValueError for circuits of different models, which says what can still be compared.

    If two runs are of head coding, heads that code together across the two tasks share a group number. If both are
    causal traces, their recovery rates are compared cell by cell as well; a trace and a circuit of heads are compared
    by layer.
    """
    runs = plan.runs
    labels = labels_of(runs)
    comparisons = {
        (a, b): _compared(runs[a], runs[b], across_models=plan.across_models, draws_interval=len(runs) == 2)
        for a, b in combinations(range(len(runs)), 2)
    }
    summary: dict[str, Any] = {
        "runs": {label: run.name for label, run in zip(labels, runs, strict=True)},
        "folder": str(plan.folder),
    }
    chance = {pair: _by_chance(comparison) for pair, comparison in comparisons.items()}
    summary["transfer"] = None if plan.transfer is None else transfer_rows(plan.transfer, labels, chance)
    summary["no_transfer"] = plan.no_transfer
    summary["overlaps"] = [
        {"a": labels[a], "b": labels[b], **_overlap(comparison, corrected)}
        for ((a, b), comparison), corrected in zip(comparisons.items(), holm(list(chance.values())), strict=True)
    ]
    summary["solved"] = {label: dropped(_solved(run)) for label, run in zip(labels, runs, strict=True)}
    traces = None
    if len(runs) == 2:
        summary |= summary["overlaps"][0] | {side: run.name for side, run in zip("ab", runs, strict=True)}
        traces = _of_two(runs[0], runs[1], summary)
    of_runs = [f"{run.name}: {text}" for run in runs for text in of_choice(run)]
    warnings = tuple(dict.fromkeys([*of_runs, *different_settings(runs)]))
    summary["warnings"] = list(warnings)
    return StoredComparison(
        folder=plan.folder, warnings=warnings, comparisons=comparisons, traces=traces, summary=summary
    )


def _compared(first: Run, second: Run, *, across_models: bool, draws_interval: bool) -> Comparison:
    """Two circuits in one graph, and what they share.

    draws_interval  whether circuits are chosen anew on resampled prompts, for the interval of the heads' overlap
    """
    if first.graph.wiring.joins_heads != second.graph.wiring.joins_heads:
        # A trace has whole layers only, so the other circuit's heads are merged by layer.
        return compare_graphs(first.graph.by_layer(), second.graph.by_layer(), across_models=across_models)
    groups = _groups_across(first, second)
    return compare_graphs(
        first.graph.with_groups(groups),
        second.graph.with_groups(groups),
        scores=(first.scores, second.scores),
        node_scores=(first.node_scores, second.node_scores),
        across_models=across_models,
        resamples=_RESAMPLES if draws_interval else 0,
    )


def _by_chance(comparison: Comparison) -> float | None:
    """The probability of sharing as many edges by chance; as many heads, of circuits that were chosen by components.

    None where circuits with as many in each layer cannot share so much that chance is ruled out.
    """
    reuse = comparison.reuse
    chosen = reuse.heads if reuse.edges.p_value is None else reuse.edges
    return chosen.p_value if chosen.can_tell else None


def _overlap(comparison: Comparison, corrected: float | None) -> dict[str, Any]:
    scored = {"a": comparison.a.scored_by, "b": comparison.b.scored_by}
    return comparison.reuse.summary() | {"p_value_corrected": corrected, "scored_by": scored}


def _of_two(first: Run, second: Run, summary: dict[str, Any]) -> TraceComparison | None:
    """What only two runs have: their traces compared, and the groups of their heads."""
    if groups := _groups_across(first, second):
        summary["head_groups"] = [
            [name for name, of in groups.items() if of == group] for group in sorted(set(groups.values()))
        ]
    if not (isinstance(first, TraceRun) and isinstance(second, TraceRun)):
        return None
    traces = compare_traces(first.trace, second.trace)
    summary["traces"] = _of_traces(traces)
    return traces


def labels_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called in tables: their tasks, where these tell them apart, else their names.

    A run that is given twice is numbered.
    """
    names = [run.name for run in runs]
    for labels in ([run.graph.label for run in runs], names):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{name} ({number})" for number, name in enumerate(names, start=1)]


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
