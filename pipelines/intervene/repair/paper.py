"""A repair as tables for papers."""

from __future__ import annotations

from pipelines.intervene.effect_paper import effects_table
from pipelines.intervene.repair.report import RepairReport
from pipelines.reporting.paper.table import PaperTable


def papers(report: RepairReport) -> dict[str, PaperTable]:
    """`effects`: what the edit does on the prompts that judge; `choosing`: on those that choose."""
    settings = report.settings
    edit = "; ".join(edit["description"] for edit in report.edits)
    notes = [f"Chosen on other prompts: {', '.join(report.chosen)}."]
    halves = {
        "effects": ("Effect of a repair on the prompts that judge", report.rows, "n_judging", notes),
        "choosing": ("Heads tried on the prompts that choose", report.choosing, "n_choosing", ()),
    }
    return {
        name: effects_table(title, rows, settings, settings[n], chance=report.chance, edit=edit, notes=said)
        for name, (title, rows, n, said) in halves.items()
    }
