"""Heads shared by two staged searches, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.reporting.tables import Column, Row, print_columns, print_line


def print_stages(pairs: Sequence[Row]) -> None:
    """A table per pair, and both counts."""
    columns = (
        Column("stage"),
        Column("A", "n_a"),
        Column("B", "n_b"),
        Column("shared", "n_shared"),
        Column("by chance", "expected", ".1f"),
        Column("IoU", "iou", ".2f"),
        Column("heads", cell=lambda row: ", ".join(row["shared"])),
    )
    for pair in pairs:
        print_columns(f"heads by stage, A: {pair['a']}, B: {pair['b']}", columns, pair["stages"])
        for what, name in (("over all stages", "over_stages"), ("in their union", "union")):
            counts = pair[name]
            share = "" if counts["iou"] is None else f", IoU {counts['iou']:.2f}"
            print_line(f"{what}: {counts['n_shared']} shared, of {counts['n_a']} in A and {counts['n_b']} in B{share}")
        for text in pair["warnings"]:
            print_line(text)
