"""The files of an edit.

edit.json   settings, the edit in words, and a row for the plain model and for every set of heads
edit.csv    the rows, as a table
edit.pdf, edit.svg   accuracy and change of the metric of every set, over the range of other heads
"""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.figures.edit_bars import EditBars
from pipelines.engine.store import as_json
from pipelines.intervene.edit.plan import EditPlan
from pipelines.intervene.edit.report import EditReport
from pipelines.intervene.effect_figure import bars_of, figures
from pipelines.intervene.effect_rows import FOR_FILES, short
from pipelines.reporting.tables import as_csv


def files(plan: EditPlan, report: EditReport) -> dict[str, bytes]:
    """The report as JSON and CSV, and its figure."""
    drawn = figures("edit", bars(report))
    return {"edit.json": as_json(report.to_dict()), "edit.csv": as_csv(report.rows, FOR_FILES), **drawn}


def bars(report: EditReport) -> EditBars:
    """What the figure shows."""
    settings = report.settings
    return bars_of(
        report.rows,
        title=f"{short(settings['task'])}: {'; '.join(edit['edit'] for edit in report.edits)}",
        subtitle=f"{short(settings['model'])}, {count_text(settings['n_prompts'], 'prompt')}, seed {settings['seed']}",
        chance=report.chance,
        metric=settings["metric"],
    )
