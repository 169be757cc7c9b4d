"""The files of a rank curve."""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.figures.masking_curve import MaskedPoint, MaskingCurve, masking_figure_bytes
from pipelines.engine.store import as_json
from pipelines.intervene.effect_figure import FORMATS
from pipelines.intervene.effect_rows import short
from pipelines.intervene.rank.plan import RankPlan
from pipelines.intervene.rank.report import RankReport
from pipelines.intervene.rank.table import FOR_FILES
from pipelines.reporting.tables import Row, as_csv


def files(plan: RankPlan, report: RankReport) -> dict[str, bytes]:
    """rank.json, rank.csv with a line per number of directions, and rank.pdf and rank.svg, the curve over these."""
    drawn = {f"rank.{kind}": masking_figure_bytes(curve(report), kind) for kind in FORMATS}
    return {"rank.json": as_json(report.to_dict()), "rank.csv": as_csv(report.rows, FOR_FILES), **drawn}


def curve(report: RankReport) -> MaskingCurve:
    """What the figure shows."""
    settings, chance = report.settings, report.chance
    return MaskingCurve(
        tuple(_point(report, row) for row in report.rows),
        f"{', '.join(settings['heads'])} on {short(settings['task'])}: few directions",
        f"{short(settings['model'])}, {count_text(settings['n_prompts'], 'prompt')}, seed {settings['seed']}",
        chance,
        settings["metric"].replace("-", " "),
        count=f"directions of the {' and '.join(settings['sides'])}",
        caption="Dots: the heads run on the directions along which other prompts vary most, with 95 % intervals over "
        "prompts (Wilson's; t). Gray, of the metric: as many random directions, least to most. Broken line: chance "
        f"({chance:z.2f}). Plain model: {report.plain['metric']:z.2f}.",
    )


def _point(report: RankReport, row: Row) -> MaskedPoint:
    change = row["random"]["change"]
    plain = report.plain["metric"]
    others = None if change is None else (plain + change["range"][0], plain + change["range"][1])
    ends = (row["accuracy_interval"], row["metric_interval"])
    return MaskedPoint(row["rank"], False, row["accuracy"], ends[0], row["metric"], ends[1], None, others)
