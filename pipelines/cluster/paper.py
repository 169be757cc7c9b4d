"""Clusters of prompts as a table for papers."""

from __future__ import annotations

from pipelines.cluster.report import ClusterReport
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured


def papers(report: ClusterReport) -> dict[str, PaperTable]:
    """`clusters`: a row per cluster; no table where there is one alone, which has no circuit of its own."""
    summary = report.summary
    if summary["n_clusters"] == 1:
        return {}
    same = {"task": summary["task"], "n_prompts": summary["n_prompts"]}
    return {
        "clusters": PaperTable(
            title="Circuits of clusters of prompts, beside the one circuit of all",
            label=[Column("cluster")],
            columns=[
                Column("prompts of it", "size", "d"),
                Column("held-out prompts", "n_held_out", "d"),
                measured("n_edges"),
                Column("IoU with the circuit of all", "iou_with_all", ".2f"),
                Column("faithfulness, own circuit", "own.value", ".2f", "own.interval"),
                Column("faithfulness, circuit of all", "of_all.value", ".2f", "of_all.interval"),
                Column("gain", "gain.value", "+.2f", "gain.interval"),
            ],
            rows=[
                {**row, **same, "size": size} for row, size in zip(summary["circuits"], summary["sizes"], strict=True)
            ],
            conditions=[Column("task"), measured("n_prompts")],
            intervals="95 % t intervals over prompts",
            notes=["Circuits are chosen on half of the prompts; faithfulness is that on the other half."],
            has_best=False,
        )
    }
