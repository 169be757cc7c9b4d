"""Influence as tables for people and as CSV."""

from __future__ import annotations

import textwrap

from circuits.numbers import number_text
from pipelines.influence.report import InfluenceReport
from pipelines.reporting.tables import DASH, Column, Row, print_columns, print_line, value_at

_SHOWN = 40  # texts
_WIDEST = 40


def _random(row: Row, name: str, spec: str) -> str:
    """What random sets give: their range, and how many give as much."""
    found = value_at(row, name)
    if found is None:
        return DASH
    low, high = found["range"]
    return f"{number_text(low, spec)} to {number_text(high, spec)} ({found['as_much']} of {found['n']} as much)"


COLUMNS = (
    *map(Column, ("group", "rank", "text", "n_tokens", "loss", "masked_loss")),
    Column("influence", interval="influence_interval"),
    *(Column(f"random_{name}", f"random.{name}") for name in ("n", "mean", "as_much")),
    Column("random_low", cell=lambda row: (value_at(row, "random.range") or (None,))[0]),
    Column("random_high", cell=lambda row: (value_at(row, "random.range") or (None,))[-1]),
)
_TEXTS = (
    Column("group"),
    Column("rank", format="d"),
    Column("text", cell=lambda row: textwrap.shorten(row["text"], _WIDEST, placeholder="...")),
    Column("tokens", "n_tokens", "d"),
    Column("loss", "loss", ".3f"),
    Column("masked", "masked_loss", ".3f"),
    Column("influence", "influence", "+.3f", "influence_interval"),
    Column("random sets", cell=lambda row: _random(row, "random", "+.3f")),
)
_GROUPS = (
    Column("group"),
    Column("texts", "n_texts", "d"),
    Column("mean influence", "influence", "+.3f", "influence_interval"),
    Column("random sets", cell=lambda row: _random(row, "random", "+.3f")),
    Column("AUROC", "auroc", ".2f", "auroc_interval"),
    Column("its random sets", cell=lambda row: _random(row, "random_auroc", ".2f")),
)


def masked_in_words(about: Row) -> str:
    """What was masked, and how."""
    if about["heads"] is None:
        return f"edges of {about['run']} at their means"
    return f"{', '.join(about['heads'])}: {'; '.join(about['edits'])}"


def print_influence(report: InfluenceReport) -> None:
    """The groups, then the texts of each, the most influenced first."""
    about = report.about
    title = f"{about['texts_file']} on {about['model']}, masked: {masked_in_words(about)}"
    print_columns(textwrap.shorten(title, 140, placeholder=" ..."), _GROUPS, report.groups)
    shown = [row for row in report.rows if row["rank"] <= _SHOWN]
    print_columns("texts, the most influenced of each group first", _TEXTS, shown)
    if len(shown) < len(report.rows):
        print_line(f"The first {_SHOWN} of each group; influence.csv has all {len(report.rows)}.")
    if (profile := about["profile"]) is not None:
        print_line(f"heads: those with the largest mean of {profile['name']} on {profile['task']}.")
    print_line(
        "Influence: (L_masked - L) / L of the mean loss L; positive: the text depends on what is masked. In brackets: "
        "95 % intervals, of a text over blocks of 8 tokens, of a group over its texts (t), of AUROC Wilson's for the "
        "smaller side. AUROC: how well influence tells the group from all other texts."
    )
