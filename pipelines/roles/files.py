"""The files of `circuits roles`.

roles.json   rules, labels with their evidence, and all readings of all heads
roles.csv    a line per head, label and condition
effects.pdf, .svg   direct against total effect of every head, by role
graph.json   the circuit, its heads with their labels; `circuits export FOLDER/graph.json graphml`, and other formats
"""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.export import exporter
from graphs.figures.effect_scatter import EffectScatter, HeadDot, scatter_bytes
from graphs.roles import DIRECT, TOTAL
from pipelines.engine.store import as_json
from pipelines.reporting.tables import Row, as_csv
from pipelines.roles.plan import RolesPlan
from pipelines.roles.report import RolesReport
from pipelines.roles.table import COLUMNS, csv_rows


def files(plan: RolesPlan, report: RolesReport) -> dict[str, bytes]:
    """Labels, and the circuit that has them."""
    return {
        "roles.json": as_json(report.to_dict()),
        "roles.csv": as_csv(csv_rows(report), COLUMNS),
        "graph.json": exporter("json").to_bytes(report.circuit),
        **{f"effects.{kind}": scatter_bytes(scatter_of(report), kind) for kind in ("pdf", "svg")},
    }


def scatter_of(report: RolesReport) -> EffectScatter:
    """Direct against total effect, of all heads of the model, in the circuit or not."""
    about, name = report.about, "effect, share of the gap"
    return EffectScatter(
        tuple(HeadDot(row["head"], *_effect(row, TOTAL), *_effect(row, DIRECT), row["role"]) for row in report.rows),
        f"total {name}",
        f"direct {name}",
        "Direct and total effects of heads",
        f"{about['model']} on {about['task']}, {count_text(about['n_prompts'], 'prompt')}, ablation "
        f"{about['ablation']}",
    )


def _effect(row: Row, effect: str) -> tuple[float, tuple[float, float] | None]:
    reading = row["readings"][effect]
    return reading["mean"], None if reading["interval"] is None else tuple(reading["interval"])
