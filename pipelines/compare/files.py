"""The files of a comparison.

summary.json            what `circuits compare --json` prints
transfer.csv            what each circuit keeps of each task
transfer.pdf, .svg      the same beside the overlap of the circuits, as heat maps
comparison.json         of two runs: both circuits in one graph; comparison.pdf and .svg its drawing
checkpoints.csv         of two models: what share of their difference each component recovers
overlap.csv             what each pair of circuits has in common at each level, with every measure and the reuse index
chance.csv              the same by chance, under every null
parts.csv               to which circuit of a pair each head, node and edge belongs
overlap_curve.csv       overlap of the strongest at several sizes, with what chance and what halves of one task give
traces.json, .pdf, .svg where two causal traces recover different amounts

Those of all circuits together: `pipelines.compare.many_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from graphs.comparison.curve import SweepPoint
from graphs.comparison.membership import BELONGS
from graphs.export import exporter
from graphs.figures.trace_heatmap import trace_figure_bytes
from graphs.figures.transfer import TransferTable, transfer_figure_bytes
from pipelines.compare.checkpoint_rows import component_rows
from pipelines.compare.columns import CHANCE, OVERLAP, TRANSFER
from pipelines.compare.many_files import files_of_many
from pipelines.compare.names import COMPARISON
from pipelines.compare.overlap_rows import level_rows, part_rows
from pipelines.compare.plan import ComparePlan
from pipelines.compare.report import StoredComparison
from pipelines.engine.store import as_json
from pipelines.reporting.tables import Column, as_csv
from pipelines.runs.run import Run
from pipelines.trace.figures import FORMATS
from pipelines.trace.recovery_tables import LABELS
from pipelines.trace.run import TraceRun

_SURELY = {to: "n_undecided" if to == "undecided" else f"n_surely_{to}" for to in BELONGS}
_OVERLAP = (*OVERLAP, *(Column(name, f"belongs.{to}") for to, name in _SURELY.items()))
_PARTS = tuple(map(Column, ("a", "b", "level", "name", "belongs", "in_a", "in_b", "share_a", "share_b")))
_CURVE = tuple(map(Column, ("a", "b", *(field.name for field in fields(SweepPoint)))))


def files(plan: ComparePlan, report: StoredComparison) -> dict[str, bytes]:
    """Graphs, drawings and tables; of two traces, the table and figure of their differences."""
    kept = {"summary.json": as_json(report.to_dict())}
    kept |= files_of_many(report.many, list(report.summary["runs"]), plan.runs[0].scores.provenance)
    if (transfer := report.summary["transfer"]) is not None:
        kept["transfer.csv"] = as_csv(transfer["matrix"], TRANSFER)
        table = transfer_table(plan.runs, report.summary)
        kept |= {f"transfer.{kind}": transfer_figure_bytes(table, kind) for kind in FORMATS}
    kept |= _of_overlap(report)
    if rows := component_rows(report.summary["checkpoints"]):
        kept["checkpoints.csv"] = as_csv(rows)
    if len(plan.runs) > 2:
        return kept
    drawn = {COMPARISON: exporter("json")} | {f"comparison.{kind}": exporter(kind) for kind in FORMATS}
    kept |= {name: export.to_bytes(report.comparison) for name, export in drawn.items()}
    return kept | _of_traces(plan, report)


def _of_overlap(report: StoredComparison) -> dict[str, bytes]:
    pairs = report.summary["overlaps"]
    levels = level_rows(pairs)
    chances = [row | chance for row in levels for chance in row["chances"]]
    curve = [point | {"a": pair["a"], "b": pair["b"]} for pair in pairs for point in pair["sweep"]]
    parts = part_rows(list(report.summary["runs"]), report.comparisons)
    return {
        "overlap.csv": as_csv(levels, _OVERLAP),
        "chance.csv": as_csv(chances, CHANCE),
        "parts.csv": as_csv(parts, _PARTS),
        "overlap_curve.csv": as_csv(curve, _CURVE),
    }


def transfer_table(runs: Sequence[Run], summary: Mapping[str, Any]) -> TransferTable:
    """What the figure of the transfer between runs shows."""
    names = tuple(summary["runs"])
    place = {name: index for index, name in enumerate(names)}
    shown = np.full((6, len(names), len(names)), np.nan)
    for row in summary["transfer"]["matrix"]:
        numbers = (row["faithfulness"], *(row["interval"] or (None, None)))
        at = place[row["circuit"]], place[row["task"]]
        shown[(slice(3), *at)] = [np.nan if number is None else number for number in numbers]
    shown[3][np.diag_indices(len(names))] = 1
    for row in summary["overlaps"]:
        a, b = place[row["a"]], place[row["b"]]
        interval = row["levels"]["edges"]["interval"] if "edges" in row["levels"] else None
        numbers = (row["edges_iou"], *(interval or (None, None)))
        for at in ((a, b), (b, a)):
            shown[(slice(3, None), *at)] = [np.nan if number is None else number for number in numbers]
    origin = runs[0].scores.provenance
    methods = ", ".join(dict.fromkeys(str(run.circuit.method) for run in runs))
    n_prompts = ", ".join(dict.fromkeys(map(str, summary["transfer"]["n_prompts"].values())))
    subtitle = f"{origin.model}, {methods}, {origin.metric}, {n_prompts} prompts"
    return TransferTable(names, *shown, subtitle=subtitle)


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
