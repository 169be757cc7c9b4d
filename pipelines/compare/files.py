"""The files of a comparison.

comparison.json, .pdf   both circuits in one graph, and its drawing
summary.json            what `circuits compare --json` prints
traces.json, .pdf, .svg where two causal traces recover different amounts
"""

from __future__ import annotations

from graphs.export import exporter
from graphs.figures.trace_heatmap import trace_figure_bytes
from pipelines.compare.plan import ComparePlan
from pipelines.compare.report import StoredComparison
from pipelines.engine.store import as_json
from pipelines.trace.figures import FORMATS, LABELS
from pipelines.trace.run import TraceRun

COMPARISON = "comparison.json"


def files(plan: ComparePlan, report: StoredComparison) -> dict[str, bytes]:
    """Graph, drawing and summary; of two traces, the table and figure of their differences."""
    return {
        COMPARISON: exporter("json").to_bytes(report.comparison),
        "comparison.pdf": exporter("pdf").to_bytes(report.comparison),
        **_of_traces(plan, report),
        "summary.json": as_json(report.summary),
    }


def _of_traces(plan: ComparePlan, report: StoredComparison) -> dict[str, bytes]:
    traces = report.traces
    if traces is None or not isinstance(plan.a, TraceRun):
        return {}
    kept = {"traces.json": as_json({"a": plan.a.name, "b": plan.b.name, "cells": traces.rows()})}
    origin = plan.a.trace.scores.provenance
    subtitle = f"{origin.model}, {origin.metric}; {plan.a.name} and {plan.b.name}"
    if (table := traces.table(report.comparison.labels, LABELS, subtitle)) is not None:
        kept |= {f"traces.{kind}": trace_figure_bytes(table, kind) for kind in FORMATS}
    return kept
