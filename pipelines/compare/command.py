"""Discover, open and compare circuits from Python; the command line is a thin layer over these functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.discover.run import DiscoverRun
from pipelines.engine.store import write_atomically, write_json
from pipelines.runs.run import Run, open_run
from pipelines.trace.run import TraceRun

if TYPE_CHECKING:
    from graphs import Comparison

COMPARISON = "comparison.json"
_LARGEST_DIFFERENCES = 8


@dataclass(frozen=True)
class StoredComparison:
    """Two circuits compared, and the folder that holds the comparison (JSON and PDF)."""

    comparison: Comparison
    folder: Path
    summary: Mapping[str, Any]


def compare(
    a: Run | str | Path,
    b: Run | str | Path,
    *,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    across_models: bool = False,
) -> StoredComparison:
    """What the circuits of two runs share, compared with chance; saved as JSON and PDF.

    folder         where to save it; by default `compare-A-B` within `out`
    out            the store in which runs are looked up by name
    across_models  compare models of the same architecture, such as two checkpoints, head by head
    Raises a ValueError for circuits of different models, which says what can still be compared.
    If both runs are of head coding, heads that code together across the two tasks share a group number. If both are
    causal traces, their recovery rates are compared cell by cell as well; a trace and a circuit of heads are compared
    by layer.

    >>> from pipelines import compare, discover
    >>> comparison = compare(*(discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")))
    >>> comparison.summary["shared_heads"]
    ['a1.h1', 'a1.h3']
    """
    from graphs import compare as compare_graphs
    from graphs.export import exporter

    first, second = (run if isinstance(run, Run) else open_run(run, out=out) for run in (a, b))
    target = Path(folder) if folder is not None else Path(out) / f"compare-{first.name}-{second.name}"
    groups = _groups_across(first, second)
    if first.graph.wiring.joins_heads == second.graph.wiring.joins_heads:
        comparison = compare_graphs(
            first.graph.with_groups(groups),
            second.graph.with_groups(groups),
            scores=(first.scores, second.scores),
            node_scores=(first.node_scores, second.node_scores),
            across_models=across_models,
        )
    else:  # a trace has whole layers only, so the other circuit's heads are merged by layer
        comparison = compare_graphs(first.graph.by_layer(), second.graph.by_layer(), across_models=across_models)
    summary = {"a": first.name, "b": second.name, "folder": str(target)} | comparison.reuse.summary()
    if isinstance(first, TraceRun) and isinstance(second, TraceRun):
        summary["traces"] = _compare_traces(first, second, comparison.labels, target)
    if groups:
        summary["head_groups"] = [
            [name for name, of in groups.items() if of == group] for group in sorted(set(groups.values()))
        ]
    for name, kind in ((COMPARISON, "json"), ("comparison.pdf", "pdf")):
        write_atomically(target / name, exporter(kind).to_bytes(comparison))
    write_json(target / "summary.json", summary)
    return StoredComparison(comparison, target, summary)


def _compare_traces(a: TraceRun, b: TraceRun, labels: tuple[str, str], target: Path) -> dict[str, Any]:
    """Where two traces recover different amounts, saved as a table and a figure (traces.json, traces.pdf, .svg)."""
    from graphs.comparison.traces import compare_traces
    from graphs.figures.trace_heatmap import trace_figure_bytes
    from pipelines.trace.figures import FORMATS, LABELS

    comparison = compare_traces(a.trace, b.trace)
    rows = comparison.rows()
    write_json(target / "traces.json", {"a": a.name, "b": b.name, "cells": rows})
    origin = a.trace.scores.provenance
    subtitle = f"{origin.model}, {origin.metric}; {a.name} and {b.name}"
    if (table := comparison.table(labels, LABELS, subtitle)) is not None:
        for kind in FORMATS:
            write_atomically(target / f"traces.{kind}", trace_figure_bytes(table, kind))
    counts = {"cells": comparison.n_cells, "cells_apart": comparison.n_apart}
    correlations = {"rank_correlations": dict(comparison.correlations)}
    return counts | correlations | {"largest": rows[:_LARGEST_DIFFERENCES]}


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
