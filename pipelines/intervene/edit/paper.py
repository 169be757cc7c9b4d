"""An edit as a table for papers."""

from __future__ import annotations

from pipelines.intervene.edit.report import EditReport
from pipelines.intervene.effect_paper import effects_table
from pipelines.reporting.paper.table import PaperTable


def papers(report: EditReport) -> dict[str, PaperTable]:
    """`effects`: what the edit does, to all heads together and to each alone."""
    settings = report.settings
    edit = "; ".join(edit["description"] for edit in report.edits)
    title = "Effect of edited heads"
    return {
        "effects": effects_table(title, report.rows, settings, settings["n_prompts"], chance=report.chance, edit=edit)
    }
