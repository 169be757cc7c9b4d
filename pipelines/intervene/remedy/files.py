"""The files of a remedy.

remedy.json    settings, how heads were chosen, the rows of both halves, and the verdict
remedy.csv     the prompts that judge: the plain model, sets of heads, and all heads
choosing.csv   the prompts that choose: every set and strength that was tried
remedy.pdf, .svg   the rows that judge, over the range of other heads
curve.pdf, .svg    of masked heads: accuracy and metric over the number of heads, with the range of other heads
"""

from __future__ import annotations

from graphs.figures.edit_bars import EditBars
from graphs.figures.masking_curve import MaskedPoint, MaskingCurve, masking_figure_bytes
from pipelines.engine.store import as_json
from pipelines.intervene.effect_figure import FORMATS, bars_of, figures
from pipelines.intervene.effect_rows import FOR_FILES, short
from pipelines.intervene.remedy.plan import RemedyPlan
from pipelines.intervene.remedy.report import RemedyReport
from pipelines.intervene.remedy.table import heads_in_words
from pipelines.reporting.tables import Column, as_csv, value_at

_MORE = (Column("n_heads"), Column("strength"), Column("is_chosen"))


def files(plan: RemedyPlan, report: RemedyReport) -> dict[str, bytes]:
    """The report as JSON, its tables and its figures."""
    drawn = figures("remedy", bars(report))
    if report.verdict is None:
        drawn |= {f"curve.{kind}": masking_figure_bytes(curve(report), kind) for kind in FORMATS}
    return {
        "remedy.json": as_json(report.to_dict()),
        "remedy.csv": as_csv(report.rows, (*FOR_FILES, *_MORE)),
        "choosing.csv": as_csv(report.choosing, (*FOR_FILES, *_MORE[1:])),
        **drawn,
    }


def bars(report: RemedyReport) -> EditBars:
    """What the figure of all sets shows."""
    named = [{**row, "heads": [heads_in_words(row)] if row["heads"] else []} for row in report.rows]
    title, subtitle = _words(report)
    metric = report.settings["metric"]
    return bars_of(named, title=title, subtitle=subtitle, chance=report.chance, metric=metric)


def curve(report: RemedyReport) -> MaskingCurve:
    """What the figure of masked heads shows."""
    points = [
        MaskedPoint(
            row["n_heads"],
            row["variant"] == "all",
            row["accuracy"],
            row["accuracy_interval"],
            row["metric"],
            row["metric_interval"],
            value_at(row, "random.accuracy.range"),
            value_at(row, "random.metric.range"),
        )
        for row in report.rows
    ]
    metric = report.settings["metric"].replace("-", " ")
    return MaskingCurve(tuple(points), *_words(report), report.chance, metric)


def _words(report: RemedyReport) -> tuple[str, str]:
    """Title and subtitle."""
    settings = report.settings
    title = f"{settings['remedy']} on {short(settings['task'])}: {report.edit['edit']}"
    return title, f"{short(settings['model'])}, {settings['n_judging']} prompts that judge, seed {settings['seed']}"
