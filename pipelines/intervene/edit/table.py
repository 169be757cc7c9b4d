"""An edit as a table for reading."""

from __future__ import annotations

from circuits.numbers import count_text, number_text
from pipelines.intervene.edit.report import EditReport
from pipelines.intervene.effect_rows import COLUMNS, NOTE, short
from pipelines.reporting.tables import SHARE, print_columns, print_line


def print_edit(report: EditReport) -> None:
    """What was done, in words, and what it does."""
    settings = report.settings
    for edit in report.edits:
        print_line(f"{edit['edit']}: {edit['description']}")
    subject = f"{short(settings['task'])} on {short(settings['model'])}"
    title = f"{subject}, {count_text(settings['n_prompts'], 'prompt')}, chance {number_text(report.chance, SHARE)}"
    print_columns(title, COLUMNS, report.rows)
    print_line(NOTE)
