"""A comparison as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.solved import kept_of_drawn
from graphs.recovery_table import KINDS
from pipelines.compare.report import StoredComparison
from pipelines.reporting.tables import brackets, print_line, print_table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def print_comparison(stored: StoredComparison) -> None:
    """What two circuits share. A share of nothing is shown as a dash."""
    summary, reuse = stored.summary, stored.comparison.reuse
    is_by_layer = stored.comparison.a.wiring.joins_heads
    cells = []
    for name in ("heads", "nodes") if is_by_layer else ("heads", "nodes", "edges"):
        overlap = getattr(reuse, name)
        numbers = [_share(value) for value in (overlap.iou, overlap.of_a, overlap.of_b, overlap.expected_iou)]
        shown = "attention" if name == "heads" and is_by_layer else name
        counts = (str(count) for count in (overlap.n_a, overlap.n_b, overlap.n_shared))
        cells.append([shown, *counts, *numbers, _p(overlap.p_value)])
    headings = ("", "A", "B", "shared", "IoU", "of A", "of B", "IoU by chance", "p")
    print_table(f"{summary['a']} and {summary['b']}", headings, cells, folds=True)
    for side, solved in summary["solved"].items():
        if solved is not None:
            print_line(f"prompts of {side.upper()}: {kept_of_drawn(solved)}")
    what = "attention of the layers" if is_by_layer else "heads"
    print_line(f"shared {what}: {', '.join(summary['shared_heads']) or 'none'}")
    if "head_groups" in summary:
        groups = "; ".join(", ".join(group) for group in summary["head_groups"])
        print_line(f"heads that code together on the prompts of both: {groups}")
    if summary["head_rank_correlation"] is not None:
        print_line(f"rank correlation of the scores of {what}: {summary['head_rank_correlation']:.2f}")
    if summary["rank_correlation"] is not None:
        print_line(f"rank correlation of the edges' scores: {summary['rank_correlation']:.2f}")
    if "traces" in summary:
        _print_traces(summary["traces"])


def _print_traces(traces: Mapping[str, Any]) -> None:
    """How far two traces agree, and where they differ most."""
    known = {kind: value for kind, value in traces["rank_correlations"].items() if value is not None}
    shown = ", ".join(f"{KINDS[kind]} {value:.2f}" for kind, value in known.items())
    print_line(f"rank correlation of recovery rates: {shown or 'not defined'}")
    print_line(
        f"recovery rates differ in {traces['cells_apart']} of {traces['cells']} cells (95 % t interval of A minus B "
        f"excludes 0; by chance about {0.05 * traces['cells']:.0f}). Largest:",
    )
    for row in traces["largest"]:
        ends = brackets((row["difference_low"], row["difference_high"]), "+.2f")
        rates = f"{row['recovery_a']:.2f} and {row['recovery_b']:.2f}"
        print_line(f"  {row['difference']:+.2f} {ends}  {row['component']} at {row['place']}: {rates}")
