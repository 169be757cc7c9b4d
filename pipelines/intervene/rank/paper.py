"""A rank curve as a table for papers."""

from __future__ import annotations

from pipelines.intervene.effect_paper import ACCURACY, OF_PROMPTS, same_in_all
from pipelines.intervene.rank.report import RankReport
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured


def papers(report: RankReport) -> dict[str, PaperTable]:
    """`ranks`: a row per number of directions."""
    settings = report.settings
    same = same_in_all(settings, settings["n_prompts"], report.chance)
    projected = f"{', '.join(settings['sides'])} of {', '.join(settings['heads'])}"
    return {
        "ranks": PaperTable(
            title="What heads keep of a task on few directions of their queries, keys and values",
            label=[Column("directions", "rank")],
            columns=[
                Column("kept", format=".0%", interval="kept_interval"),
                Column("kept, random directions", "random.kept.mean", ".0%", "random.kept.range"),
                measured("metric_difference", "change", interval="change_interval"),
                ACCURACY,
            ],
            rows=[{**row, **same} for row in report.rows],
            conditions=[*map(Column, ("task", "model")), Column("metric", "metric_name"), *OF_PROMPTS],
            intervals="95 % intervals over prompts, Wilson's of shares, t of the rest",
            notes=[
                f"Projected: {projected}; rows of {settings['query']}, tokens {settings['key']}.",
                "Kept: the share of what the metric loses at 0 directions that is not lost; random directions: mean "
                "and, in brackets, range. Each prompt is judged with directions of the half that it is not in.",
            ],
            has_best=False,
        )
    }
