"""Explained codes as tables."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from pipelines.codes.report import CodeReport, Row
from pipelines.engine.progress import duration

_DASH = "-"


_ROWS_SHOWN, _TOKENS_SHOWN, _ROLES_SHOWN, _EXAMPLE_SHOWN = 12, 5, 2, 60


def print_codes(report: CodeReport) -> None:
    """The codes that most positives show, the heads that they belong to, and where everything is saved."""
    console = Console(markup=False, highlight=False)
    asked = {row["head"] for row in report.rows}
    table = Table(title=f"{report.run}: codes that only positives show, trial {report.trial}", title_justify="left")
    for column in ("head", "code", "positives", "promotes", "activates at (negatives)", "example"):
        table.add_column(column, overflow="fold")
    shown = sorted(report.rows, key=lambda row: -row["n_positives"])[:_ROWS_SHOWN]
    for row in shown:
        example = row["example"]
        table.add_row(
            row["head"],
            str(row["code"]),
            f"{row['n_positives']} of {report.n_positives}",
            _promoted(row),
            _activates_at(row),
            f"{example['prompt']}: {textwrap.shorten(example['text'], _EXAMPLE_SHOWN, placeholder=' ...')}",
        )
    console.print(table)
    if len(shown) < len(report.rows):
        console.print(f"{len(shown)} of {len(report.rows)} codes, those that most positives show; codes.csv has all.")
    heads = Table(title="information in these heads' codes, all trials", title_justify="left")
    for column in ("head", "score", "group", "codes here (by chance)", "whether positive", "which answer"):
        heads.add_column(column)
    for row in report.heads:
        if row["head"] in asked:
            group = _DASH if row["group"] is None else str(row["group"])
            of_chance = f"{row['positive_only_codes']} ({row['by_chance']:.1f})"
            cells = [row["head"], f"{row['score']:.3g}", group, of_chance]
            heads.add_row(*cells, *(_information_cell(row["tells"][label]) for label in ("is_positive", "answer")))
    console.print(heads)
    console.print(
        "By chance: mean with shuffled labels. Whether positive, which answer: adjusted mutual information, 0 (by "
        "chance) to 1, mean over trials +- SD. Groups: heads that show such codes on the same prompts. A feature may "
        "be active on negatives without being the strongest there.",
        soft_wrap=True,
    )
    n_showing = sum(row["positive_only_codes"] > 0 for row in report.heads)
    console.print(
        f"{n_showing} of {len(report.heads)} heads show such codes; {report.n_positives} positives, "
        f"{report.n_negatives} negatives.",
        soft_wrap=True,
    )
    spent = f"{report.n_computed} of {report.n_jobs} jobs computed" if report.n_computed else "nothing new to compute"
    console.print(f"{spent}, {duration(report.seconds)}. Kept in {report.folder}", soft_wrap=True)


def _tokens(row: Row) -> list[str | int]:
    """The tokens that the dictionary vector promotes, as text, or as ids without a tokenizer."""
    return [token["token"] if token["text"] is None else token["text"] for token in row["lens"]]


def _number_or_dash(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2g}"


def _promoted(row: Row) -> str:
    if row["vector"] is None:
        return "(no active feature)"
    return " ".join(map(str, _tokens(row)[:_TOKENS_SHOWN])) or _DASH


def _activates_at(row: Row) -> str:
    """The roles with the strongest activations, with means over the positives and over the negatives."""
    known = [(role, sides) for role, sides in row["roles"].items() if sides["positives"] is not None]
    strongest = sorted(known, key=lambda entry: -entry[1]["positives"])[:_ROLES_SHOWN]
    return ", ".join(
        f"{role} {sides['positives']:.2g} ({_number_or_dash(sides['negatives'])})" for role, sides in strongest
    )


def _information_cell(information: Mapping[str, float | None] | None) -> str:
    if information is None:
        return _DASH
    spread = "" if information["adjusted_sd"] is None else f" +- {information['adjusted_sd']:.2f}"
    return f"{information['adjusted']:z.2f}{spread}"
