"""The recovery rates of a causal trace, as its figures show them."""

from __future__ import annotations

from graphs.recovery_table import TraceTable
from pipelines.trace.figures import head_table, trace_table
from pipelines.trace.report import Traced
from pipelines.trace.run import TraceRun


def tables_of(run: TraceRun) -> tuple[TraceTable, ...]:
    """Layers by position, and heads at one, as far as they were traced."""
    ratio = run.trace.ratio_of_means()
    traced = Traced(folder=run.folder, trace=run.trace, ratio=ratio, summary=run.summary, rows=())
    tables = (trace_table(traced), head_table(traced, run.summary["place"]))
    return tuple(table for table in tables if table is not None)
