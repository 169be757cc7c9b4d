"""A causal trace: recovery rates by layer and position, over depth, and of heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from graphs.figures.fit import Drawing, of_one_layout
from graphs.figures.trace_depth import draw_depth
from graphs.figures.trace_heatmap import draw_trace
from graphs.recovery_table import TraceTable
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.runs.run import open_run
from pipelines.trace.recovery_tables import head_table, trace_table
from pipelines.trace.run import TraceRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _traced(subject: str, store: Path) -> TraceRun:
    """The run of a trace."""
    run = open_run(subject, out=store)
    if not isinstance(run, TraceRun):
        raise ValueError(f"run {run.name} is a circuit, and this figure shows a trace: give a run of circuits trace.")
    return run


def _of_layers(draw: Callable[[TraceTable], Figure], subjects: Sequence[str], store: Path) -> Drawing:
    run = _traced(subjects[0], store)
    if (table := trace_table(run.trace, run.summary)) is None:
        raise ValueError(f"run {subjects[0]} traced heads only: draw trace-heads.")
    return of_one_layout(draw, table)


def _of_heads(subjects: Sequence[str], store: Path) -> Drawing:
    run = _traced(subjects[0], store)
    if (table := head_table(run.trace, run.summary)) is None:
        raise ValueError(f"run {subjects[0]} traced no heads: trace it with --set 'kinds=[head]', or draw trace.")
    return of_one_layout(draw_trace, table)


_KINDS = {
    "trace": ("recovery by layer and position", partial(_of_layers, draw_trace)),
    "trace-depth": ("recovery over depth, a curve for each position", partial(_of_layers, draw_depth)),
    "trace-heads": ("recovery of every head at one position", _of_heads),
}
TRACES = [FIGURES.register(FigureKind(name, summary, "TRACE", 1, 1, read)) for name, (summary, read) in _KINDS.items()]
