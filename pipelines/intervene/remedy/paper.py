"""A remedy as tables for papers."""

from __future__ import annotations

from pipelines.intervene.effect_paper import effects_table
from pipelines.intervene.remedy.report import RemedyReport
from pipelines.intervene.remedy.table import heads_in_words
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column


def papers(report: RemedyReport) -> dict[str, PaperTable]:
    """`effects`: what it does on the prompts that judge; `choosing`: every set and strength that was tried."""
    settings, edit = report.settings, report.edit["description"]
    said = report.verdict
    verdict = [] if said is None else [f"Verdict ({said['of']}): {said['words'].rstrip('.')}."]
    chosen = Column("chosen", cell=lambda row: "yes" if row["is_chosen"] else None)
    halves = {
        "effects": (f"Effect of {settings['remedy']}", report.rows, "n_judging", (chosen,), verdict),
        "choosing": (
            f"{settings['remedy']}: sets tried on the prompts that choose",
            report.choosing,
            "n_choosing",
            (Column("strength", format=".2f"), chosen),
            (),
        ),
    }
    return {
        name: effects_table(
            title,
            rows,
            settings,
            settings[n],
            chance=report.chance,
            edit=edit,
            heads=heads_in_words,
            more=more,
            notes=notes,
        )
        for name, (title, rows, n, more, notes) in halves.items()
    }
