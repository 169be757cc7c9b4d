"""The files of `circuits effects`.

effects.json   every head and MLP
effects.csv    a line for each
effects.pdf, .svg   direct against total effect of each, heads by their class
"""

from __future__ import annotations

from circuits.components import Component
from circuits.numbers import count_text
from graphs.figures.effect_scatter import EffectScatter, HeadDot, scatter_bytes
from pipelines.effects.plan import EffectsPlan
from pipelines.effects.report import EffectsReport
from pipelines.effects.table import COLUMNS
from pipelines.engine.store import as_json
from pipelines.reporting.tables import Row, as_csv


def files(plan: EffectsPlan, report: EffectsReport) -> dict[str, bytes]:
    """Effects as data, table and figure."""
    shown = scatter_of(report)
    return {
        "effects.json": as_json(report.to_dict()),
        "effects.csv": as_csv(report.rows, COLUMNS),
        **{f"effects.{kind}": scatter_bytes(shown, kind) for kind in ("pdf", "svg")},
    }


def scatter_of(report: EffectsReport) -> EffectScatter:
    """Direct against total effect of every head and MLP."""
    about = report.about
    has_classes = any(row["class"] is not None for row in report.rows)
    return EffectScatter(
        tuple(
            HeadDot(row["part"], *_effect(row, "total"), *_effect(row, "direct"), _color_of(row)) for row in report.rows
        ),
        f"total effect, {about['metric']}",
        f"direct effect, {about['metric']}",
        "Direct and total effects at the answer position",
        f"{about['model']} on {about['task']}, {count_text(about['n_prompts'], 'prompt')}, ablation "
        f"{about['ablation']}",
        each="a head or MLP",
        without="head of no class" if has_classes else "head",
    )


def _color_of(row: Row) -> str | None:
    return row["class"] if Component.parse(row["part"]).is_head else "MLP"


def _effect(row: Row, effect: str) -> tuple[float, tuple[float, float] | None]:
    interval = row[f"{effect}_interval"]
    return row[effect], None if interval is None else tuple(interval)
