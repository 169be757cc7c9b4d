"""The files of a repair.

repair.json      settings, how heads were found and chosen, and everything below
repair.csv       the prompts that judge: a row for the plain model, each head alone, and sets
repair.pdf, .svg the same as a figure, over the range of other heads
downstream.csv   the heads that say the answer, before and under the edit
"""

from __future__ import annotations

from circuits.evaluation.repair import Mover
from graphs.figures.edit_bars import EditBars
from pipelines.engine.store import as_json
from pipelines.intervene.effect_figure import bars_of, figures
from pipelines.intervene.effect_rows import FOR_FILES, short
from pipelines.intervene.repair.plan import RepairPlan
from pipelines.intervene.repair.report import RepairReport
from pipelines.reporting.tables import Column, as_csv

_WITH_INTERVAL = ("right_change", "wrong_change", "direct_change", "direct_ratio")


def files(plan: RepairPlan, report: RepairReport) -> dict[str, bytes]:
    """The report as JSON, its tables, and the figure of the prompts that judge."""
    columns = [
        Column(name, name, interval=f"{name}_interval" if name in _WITH_INTERVAL else None) for name in Mover._fields
    ]
    return {
        "repair.json": as_json(report.to_dict()),
        "repair.csv": as_csv(report.rows, (*FOR_FILES, Column("is_chosen"))),
        "downstream.csv": as_csv(report.movers, columns),
        **figures("repair", bars(report)),
    }


def bars(report: RepairReport) -> EditBars:
    """What the figure shows."""
    settings = report.settings
    like = "" if settings["like"] is None else f", heads as on {short(settings['like'])}"
    return bars_of(
        report.rows,
        title=f"{short(settings['task'])}{like}: {'; '.join(edit['edit'] for edit in report.edits)}",
        subtitle=f"{short(settings['model'])}, {settings['n_judging']} prompts that judge, seed {settings['seed']}",
        chance=report.chance,
        metric=settings["metric"],
    )
