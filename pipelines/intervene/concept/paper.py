"""A dose-response curve as a table for papers."""

from __future__ import annotations

from pipelines.intervene.concept.report import ConceptReport
from pipelines.intervene.concept.table import made_in_words
from pipelines.intervene.effect_paper import ACCURACY, OF_PROMPTS, same_in_all
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured


def papers(report: ConceptReport) -> dict[str, PaperTable]:
    """`strengths`: a row per strength."""
    settings = report.settings
    same = same_in_all(settings, settings["n_prompts"], report.chance)
    return {
        "strengths": PaperTable(
            title="A concept added to the residual stream, by its strength",
            label=[Column("strength", format="g")],
            columns=[
                measured("metric_difference", "change", interval="change_interval"),
                Column("random vectors, change of the metric", "random.change.mean", "+.2f", "random.change.range"),
                Column("beyond random", "beyond_random", "+.2f", "beyond_random_interval"),
                ACCURACY,
                Column("random vectors, accuracy", "random.accuracy.mean", ".1%", "random.accuracy.range"),
            ],
            rows=[{**row, **same} for row in report.rows],
            conditions=[*map(Column, ("task", "model")), Column("metric", "metric_name"), *OF_PROMPTS],
            intervals="95 % intervals over prompts, Wilson's of shares, t of the rest",
            notes=[
                f"Vector: {made_in_words(report)}, added at {settings['at']} before layer {settings['layer']}.",
                "Random vectors have its norm and are orthogonal to it: mean and, in brackets, range. Beyond random: "
                "the change minus their mean. Each prompt is judged with a vector that it did not make.",
            ],
            has_best=False,
        )
    }
