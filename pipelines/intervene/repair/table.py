"""A repair as tables for reading."""

from __future__ import annotations

from circuits.numbers import number_text
from pipelines.intervene.effect_rows import COLUMNS, NOTE, short
from pipelines.intervene.repair.report import RepairReport
from pipelines.reporting.tables import DASH, SHARE, Column, Row, brackets, print_columns, print_line

_SHOWN = 6
_BY_BEHAVIOR = (
    Column("head"),
    Column("on the other task", "like_focus", "+.2f"),
    Column("on this one", "focus", "+.2f"),
    Column("difference", "difference", "+.2f", "difference_interval"),
    Column("candidate", cell=lambda row: "yes" if row["is_candidate"] else "no"),
)
_BY_EFFECT = (
    Column("head"),
    Column("change of the metric", "difference", "+.2f", "difference_interval"),
    Column("candidate", cell=lambda row: "yes" if row["is_candidate"] else "no"),
)


def _before_and_change(row: Row, name: str) -> str:
    ends = brackets(row[f"{name}_change_interval"], "+.2f")
    return f"{row[name]:z.2f} {row[f'{name}_change']:+z.2f} {ends}"


def _ratio(row: Row) -> str:
    """Nothing where the attribution before may be 0: the ratio then says nothing."""
    ends = row["direct_ratio_interval"]
    return DASH if ends is None else f"{row['direct_ratio']:z.2f} {brackets(ends, '.2f')}"


_MOVERS = (
    Column("head", cell=lambda row: "together" if "," in row["head"] else row["head"]),
    Column("direct effect", "importance", "+.2f"),
    Column("attention to right", cell=lambda row: _before_and_change(row, "right")),
    Column("to wrong", cell=lambda row: _before_and_change(row, "wrong")),
    Column("direct attribution", cell=lambda row: _before_and_change(row, "direct")),
    Column("times", cell=_ratio),
)


def print_repair(report: RepairReport) -> None:
    """How heads were found and chosen, what their edit does on the other prompts, and what later heads then do."""
    settings = report.settings
    for edit in report.edits:
        print_line(f"{edit['edit']}: {edit['description']}")
    if report.found:
        by_behavior = settings["find"] == "behavior"
        print_columns("heads found", _BY_BEHAVIOR if by_behavior else _BY_EFFECT, report.found[:_SHOWN])
        if by_behavior:
            print_line("Attention at END to wrong words minus right ones; Welch's interval, corrected for all heads.")
    print_columns(f"{settings['n_choosing']} prompts that choose", COLUMNS, report.choosing)
    subject = f"{short(settings['task'])} on {short(settings['model'])}"
    title = f"{subject}: {settings['n_judging']} prompts that judge, chance"
    print_columns(f"{title} {number_text(report.chance, SHARE)}", COLUMNS, report.rows)
    print_line(NOTE)
    print_line(f"Chosen: {', '.join(report.chosen)}.")
    parts = (("whole", "logit difference"), ("edited", "said by the edited heads themselves"))
    parts += (("other_heads", "by other heads"), ("rest", "by MLPs and the rest"))
    said = [
        f"{report.paths[name]:+z.2f} {brackets(report.paths[f'{name}_interval'], '+.2f')} {text}"
        for name, text in parts
    ]
    print_line(f"Change under the edit: {', '.join(said)}.")
    if report.movers:
        print_columns("heads that say the answer: before, and the change under the edit", _MOVERS, report.movers)
    else:
        print_line("no later head surely says the answer directly.")
    if report.spearman is not None:
        ends = brackets(report.spearman["spearman_interval"], ".2f")
        print_line(
            f"Spearman of the change of direct attribution and the original direct effect, over "
            f"{report.spearman['n_heads']} later heads: {report.spearman['spearman']:z.2f} {ends}"
        )
    if report.like_rows:
        print_columns(
            f"{short(settings['like'])}: {settings['like_edit']} of the chosen heads", COLUMNS, report.like_rows
        )
