"""A comparison as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from graphs.recovery_table import KINDS
from pipelines.reporting.tables import _console, ends_text

if TYPE_CHECKING:
    from pipelines.compare.command import StoredComparison


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def print_comparison(stored: StoredComparison) -> None:
    """What two circuits share, and where the comparison is kept. A share of nothing is shown as a dash."""
    summary, reuse = stored.summary, stored.comparison.reuse
    is_by_layer = stored.comparison.a.wiring.joins_heads
    table = Table(title=f"{summary['a']} and {summary['b']}", title_justify="left")
    for column in ("", "A", "B", "shared", "IoU", "of A", "of B", "IoU by chance", "p"):
        table.add_column(column)
    for name in ("heads", "nodes") if is_by_layer else ("heads", "nodes", "edges"):
        overlap = getattr(reuse, name)
        numbers = [_share(value) for value in (overlap.iou, overlap.of_a, overlap.of_b, overlap.expected_iou)]
        shown = "attention" if name == "heads" and is_by_layer else name
        table.add_row(shown, str(overlap.n_a), str(overlap.n_b), str(overlap.n_shared), *numbers, _p(overlap.p_value))
    console = _console()
    console.print(table)
    what = "attention of the layers" if is_by_layer else "heads"
    console.print(f"shared {what}: {', '.join(summary['shared_heads']) or 'none'}", soft_wrap=True)
    if "head_groups" in summary:
        groups = "; ".join(", ".join(group) for group in summary["head_groups"])
        console.print(f"heads that code together on the prompts of both: {groups}", soft_wrap=True)
    if summary["head_rank_correlation"] is not None:
        console.print(f"rank correlation of the scores of {what}: {summary['head_rank_correlation']:.2f}")
    if summary["rank_correlation"] is not None:
        console.print(f"rank correlation of the edges' scores: {summary['rank_correlation']:.2f}")
    if "traces" in summary:
        _print_traces(console, summary["traces"])
    console.print(f"Kept in {stored.folder}", soft_wrap=True)


def _print_traces(console: Console, traces: Mapping[str, Any]) -> None:
    """How far two traces agree, and where they differ most."""
    known = {kind: value for kind, value in traces["rank_correlations"].items() if value is not None}
    shown = ", ".join(f"{KINDS[kind]} {value:.2f}" for kind, value in known.items())
    console.print(f"rank correlation of recovery rates: {shown or 'not defined'}", soft_wrap=True)
    console.print(
        f"recovery rates differ in {traces['cells_apart']} of {traces['cells']} cells (95 % t interval of A minus B "
        f"excludes 0; by chance about {0.05 * traces['cells']:.0f}). Largest:",
        soft_wrap=True,
    )
    for row in traces["largest"]:
        ends = ends_text((row["difference_low"], row["difference_high"]), "+.2f")
        rates = f"{row['recovery_a']:.2f} and {row['recovery_b']:.2f}"
        console.print(f"  {row['difference']:+.2f} {ends}  {row['component']} at {row['place']}: {rates}")
