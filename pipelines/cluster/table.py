"""Clusters of prompts as tables for people."""

from __future__ import annotations

from circuits.numbers import count_text
from pipelines.cluster.report import ClusterReport
from pipelines.reporting.p_values import equals
from pipelines.reporting.tables import DASH, Column, Row, brackets, print_columns, print_line

PROMPTS = tuple(map(Column, ("prompt", "cluster", "tokens", "order_of_roles", "is_held_out")))
_CIRCUITS = (
    Column("cluster"),
    Column("held-out prompts", "n_held_out"),
    Column("edges", "n_edges", ","),
    Column("IoU with the circuit of all", "iou_with_all", ".2f"),
    Column("own circuit", cell=lambda row: _estimate(row.get("own"))),
    Column("circuit of all", cell=lambda row: _estimate(row.get("of_all"))),
    Column("gain", cell=lambda row: _estimate(row.get("gain"))),
)


def print_clusters(report: ClusterReport) -> None:
    """How many clusters, what they agree with, and what their circuits do."""
    summary = report.summary
    n, strengths = summary["n_clusters"], summary["prediction_strengths"]
    shown = ", ".join(f"{number} clusters {strength:z.2f}" for number, strength in strengths.items() if number != "1")
    of_all = f"{count_text(summary['n_prompts'], 'prompt')} of {summary['run']}"
    if n == 1:
        told = f"{shown}, and {summary['strength']:g} is asked for" if shown else "too few prompts to tell"
        print_line(f"{of_all}: one cluster. Prediction strength of more: {told}.")
        return
    sizes = ", ".join(f"{size}" for size in summary["sizes"])
    print_line(f"{of_all}: {n} clusters, of {sizes}. Prediction strength: {shown}.")
    for name, told in summary["agreement"].items():
        if told is not None:
            p = equals(told["p_value"], told["permutations"])
            rand = f"adjusted Rand index {told['adjusted_rand']:z.2f}, permutation p {p}"
            print_line(f"clusters and {name.replace('_', ' ')} ({told['n_values']} different): {rand}")
    print_columns("circuits of clusters, chosen on half of these prompts", _CIRCUITS, summary["circuits"])
    print_line(
        "Faithfulness on the other half, each prompt at its nearest cluster; all circuits have as many edges as the "
        "run's. In brackets: 95 % t intervals over prompts."
    )


def _estimate(row: Row | None) -> str:
    return DASH if row is None else f"{row['value']:z.2f} {brackets(row['interval'], '.2f')}"
