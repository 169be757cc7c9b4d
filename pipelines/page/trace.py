"""The recovery rates of a causal trace, as its figures show them."""

from __future__ import annotations

from graphs.recovery_table import TraceTable
from pipelines.trace.recovery_tables import head_table, trace_table
from pipelines.trace.run import TraceRun


def tables_of(run: TraceRun) -> tuple[TraceTable, ...]:
    """Layers by position, and heads at one, as far as they were traced."""
    tables = (trace_table(run.trace, run.summary), head_table(run.trace, run.summary))
    return tuple(table for table in tables if table is not None)
