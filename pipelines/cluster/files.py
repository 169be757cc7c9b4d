"""The files of `circuits cluster`.

clusters.json          every number
clusters.csv           a line per prompt
distances.pdf, .svg    how far apart prompts are, ordered by cluster
"""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.figures.prompt_distances import DistanceTable, distance_figure_bytes
from pipelines.cluster.plan import ClusterPlan
from pipelines.cluster.report import ClusterReport
from pipelines.cluster.table import PROMPTS
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv


def files(plan: ClusterPlan, report: ClusterReport) -> dict[str, bytes]:
    """Numbers, prompts, and their distances as a figure."""
    labels = tuple(row["cluster"] for row in report.rows)
    origin = plan.run.scores.provenance
    subtitle = f"{report.summary['task']}, {origin.model}, {origin.method}, {count_text(len(labels), 'prompt')}"
    table = DistanceTable(report.distances, labels, subtitle)
    kept = {"clusters.json": as_json(report.to_dict()), "clusters.csv": as_csv(report.rows, PROMPTS)}
    return kept | {f"distances.{kind}": distance_figure_bytes(table, kind) for kind in ("pdf", "svg")}
