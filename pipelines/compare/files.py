"""The files of a comparison.

summary.json            what `circuits compare --json` prints
transfer.csv            what each circuit keeps of each task
transfer.pdf, .svg      the same beside the overlap of the circuits, as heat maps
comparison.json, .pdf   of two runs: both circuits in one graph, and its drawing
overlap.csv             of three runs or more: what each pair has in common
traces.json, .pdf, .svg where two causal traces recover different amounts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphs.export import exporter
from graphs.figures.trace_heatmap import trace_figure_bytes
from graphs.figures.transfer import TransferTable, transfer_figure_bytes
from pipelines.compare.plan import ComparePlan
from pipelines.compare.report import StoredComparison
from pipelines.engine.store import as_json
from pipelines.reporting.tables import Column, as_csv
from pipelines.trace.figures import FORMATS, LABELS
from pipelines.trace.run import TraceRun

COMPARISON = "comparison.json"
_MATRIX = (
    *map(Column, ("circuit", "task", "n_edges")),
    Column("faithfulness", interval="interval"),
    Column("own_faithfulness"),
    Column("retention", "retention.value", interval="retention.interval"),
    Column("normalized", "normalized.value", interval="normalized.interval"),
    *(
        Column(f"{kind}_{name}", f"{kind}.{name}")
        for kind in ("matched", "random")
        for name in ("n", "mean", "p_value")
    ),
    *(
        Column(f"accuracy_{name}", f"accuracy.{name}.value", interval=f"accuracy.{name}.interval")
        for name in ("circuit", "own", "empty", "retention")
    ),
    Column("accuracy_model", "accuracy.model"),
    Column("sized_n_edges", "sized.n_edges"),
    Column("sized_faithfulness", "sized.faithfulness", interval="sized.interval"),
)
_OVERLAP = tuple(
    map(
        Column,
        (
            *("a", "b", "heads_a", "heads_b", "n_shared_heads", "heads_iou", "heads_of_a", "heads_of_b"),
            *("expected_heads_iou", "p_value", "nodes_iou", "n_shared_edges", "edges_iou", "edges_p_value"),
            *("p_value_corrected", "rank_correlation", "head_rank_correlation"),
        ),
    )
)


def files(plan: ComparePlan, report: StoredComparison) -> dict[str, bytes]:
    """Graphs, drawings and tables; of two traces, the table and figure of their differences."""
    kept = {"summary.json": as_json(report.summary)}
    if (transfer := report.summary["transfer"]) is not None:
        kept["transfer.csv"] = as_csv(transfer["matrix"], _MATRIX)
        table = _transfer_table(plan, report.summary)
        kept |= {f"transfer.{kind}": transfer_figure_bytes(table, kind) for kind in FORMATS}
    if len(plan.runs) > 2:
        return kept | {"overlap.csv": as_csv(report.summary["overlaps"], _OVERLAP)}
    drawn = {COMPARISON: exporter("json"), "comparison.pdf": exporter("pdf")}
    kept |= {name: export.to_bytes(report.comparison) for name, export in drawn.items()}
    return kept | _of_traces(plan, report)


def _transfer_table(plan: ComparePlan, summary: Mapping[str, Any]) -> TransferTable:
    """What the figure of the transfer shows."""
    names = tuple(summary["runs"])
    place = {name: index for index, name in enumerate(names)}
    shown = np.full((4, len(names), len(names)), np.nan)
    for row in summary["transfer"]["matrix"]:
        numbers = (row["faithfulness"], *(row["interval"] or (None, None)))
        at = place[row["circuit"]], place[row["task"]]
        shown[(slice(3), *at)] = [np.nan if number is None else number for number in numbers]
    shown[3][np.diag_indices(len(names))] = 1
    for row in summary["overlaps"]:
        a, b = place[row["a"]], place[row["b"]]
        shown[3, a, b] = shown[3, b, a] = np.nan if row["edges_iou"] is None else row["edges_iou"]
    transfer, low, high, overlap = shown
    origin = plan.runs[0].scores.provenance
    methods = ", ".join(dict.fromkeys(str(run.graph.method) for run in plan.runs))
    n_prompts = ", ".join(dict.fromkeys(map(str, summary["transfer"]["n_prompts"].values())))
    subtitle = f"{origin.model}, {methods}, {origin.metric}, {n_prompts} prompts"
    return TransferTable(names, transfer, low, high, overlap, subtitle)


def _of_traces(plan: ComparePlan, report: StoredComparison) -> dict[str, bytes]:
    traces, (first, second) = report.traces, plan.runs
    if traces is None or not isinstance(first, TraceRun):
        return {}
    kept = {"traces.json": as_json({"a": first.name, "b": second.name, "cells": traces.rows()})}
    origin = first.trace.scores.provenance
    subtitle = f"{origin.model}, {origin.metric}; {first.name} and {second.name}"
    if (table := traces.table(report.comparison.labels, LABELS, subtitle)) is not None:
        kept |= {f"traces.{kind}": trace_figure_bytes(table, kind) for kind in FORMATS}
    return kept
