"""A remedy as tables for reading."""

from __future__ import annotations

from pipelines.intervene.effect_rows import COLUMNS, NOTE, short
from pipelines.intervene.remedy.report import RemedyReport
from pipelines.reporting.tables import DASH, Column, Row, print_columns, print_line

_SHOWN_HEADS = 4


def heads_in_words(row: Row) -> str:
    """A few heads by name, many by their number."""
    heads = row["heads"]
    if row["variant"] == "all":
        return f"all {len(heads)} heads"
    if len(heads) <= _SHOWN_HEADS:
        return ", ".join(heads) or "none"
    return f"{', '.join(heads[:2])}, ... ({len(heads)})"


_HEADS = Column("heads edited", cell=lambda row: heads_in_words(row) + (" (chosen)" if row["is_chosen"] else ""))
_JUDGED = (_HEADS, *COLUMNS[1:])
_CHOSEN = (
    _HEADS,
    Column("strength", cell=lambda row: DASH if row["strength"] is None else f"{row['strength']:g}"),
    *COLUMNS[1:],
)


def print_remedy(report: RemedyReport) -> None:
    """What is done, how heads were chosen, what that does on the other prompts, and the verdict."""
    settings = report.settings
    print_line(f"{report.edit['edit']}: {report.edit['description']}")
    for own in report.helped:
        print_line(f"strength {own['strength']:g}: {own['n_helped']} of {own['n']} heads gain, each alone.")
    print_columns(f"{settings['n_choosing']} prompts that choose", _CHOSEN, report.choosing)
    subject = f"{short(settings['task'])} on {short(settings['model'])}"
    title = f"{subject}: {settings['n_judging']} prompts that judge, chance {report.chance:.2f}"
    print_columns(title, _JUDGED, report.rows)
    print_line(NOTE)
    if report.verdict is not None:
        print_line(f"Verdict ({report.verdict['of']}): {report.verdict['words']}")
