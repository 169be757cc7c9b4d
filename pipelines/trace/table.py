"""A causal trace as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from graphs.recovery_table import KINDS, LAYER_KINDS
from pipelines.engine.progress import duration
from pipelines.trace.figures import LABELS
from pipelines.trace.report import Row

if TYPE_CHECKING:
    from pipelines.trace.command import Traced

_HEADS_SHOWN = 8
_HALF = 0.5
_RATES = ("recovery", "recovery_low", "recovery_high")


def print_trace(traced: Traced) -> None:
    """A row per position: where hidden states bring back half or more, and the strongest attention and MLP outputs."""
    report, summary = traced.report, traced.report.summary
    metric, console = summary["metric"], Console(markup=False, highlight=False)
    table = Table(title=f"{summary['run']}: recovery rates", title_justify="left")
    kinds = [kind for kind in LAYER_KINDS if any(row["kind"] == kind for row in report.rows)]
    for column in ("position", "n", *(_heading(kind) for kind in kinds)):
        table.add_column(column)
    for position in report.trace.scores.positions:
        rows = [row for row in report.rows if row["place"] == position]
        if not rows:
            continue
        cells = [_half_back(rows) if kind == "residual" else _strongest(rows, kind) for kind in kinds]
        table.add_row(LABELS.get(position, position), str(rows[0]["recovery_prompts"]), *cells)
    console.print(
        f"{summary['task']}, {summary['model']}, {summary['ablation']}: {metric['name']} {_interval(metric, 'clean')} "
        f"clean, {_interval(metric, 'corrupt')} corrupt",
        soft_wrap=True,
    )
    console.print(table)
    heads = sorted((row for row in report.rows if row["kind"] == "head"), key=lambda row: -(row["recovery"] or 0))
    for row in heads[:_HEADS_SHOWN]:
        console.print(f"{_rate(row)} at {LABELS.get(row['place'], row['place'])}")
    position = LABELS.get(summary["place"], summary["place"])
    layers = ", ".join(summary["layers"]) or "none"
    console.print(f"at least {summary['share']:g} at {position}: {layers}", soft_wrap=True)
    console.print(
        "Recovery rates are ratios of means with 95 % intervals; half back: hidden states that bring back half or "
        "more; strongest: by magnitude.",
        soft_wrap=True,
    )
    spent = f"{traced.n_computed} of {traced.n_jobs} jobs computed" if traced.n_computed else "nothing new to compute"
    console.print(f"{spent}, {duration(traced.seconds)}. Kept in {traced.folder}", soft_wrap=True)


def _heading(kind: str) -> str:
    return "half back" if kind == "residual" else f"strongest {KINDS[kind]}"


def _half_back(rows: Sequence[Row]) -> str:
    """The hidden states that bring back half or more."""
    layers = [row["layer"] for row in rows if row["kind"] == "residual" and (row["recovery"] or 0) >= _HALF]
    return ", ".join(f"r{first}" if first == last else f"r{first}-r{last}" for first, last in _ranges(layers)) or "-"


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _strongest(rows: Sequence[Row], kind: str) -> str:
    own = [row for row in rows if row["kind"] == kind and row["recovery"] is not None]
    return _rate(max(own, key=lambda row: abs(row["recovery"]))) if own else "-"


def _rate(row: Row) -> str:
    if row["recovery"] is None:
        return f"{row['component']} -"
    value, low, high = (f"{row[name]:.2f}".replace("-0.00", "0.00") for name in _RATES)
    return f"{row['component']} {value} [{low}, {high}]"


def _interval(values: Mapping[str, Any], name: str) -> str:
    low, high = values[f"{name}_interval"]
    return f"{values[name]:.3f} [{low:.3f}, {high:.3f}]"
