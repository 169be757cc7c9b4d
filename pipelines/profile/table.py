"""Profiles as a table for people: the heads that stand out, and the mean over all."""

from __future__ import annotations

from circuits.numbers import number_text
from circuits.solved import kept_of_drawn
from pipelines.profile.report import ProfileReport
from pipelines.reporting.tables import DASH, SHARE, Column, Row, brackets, print_line, print_table

_SHOWN = 3
COLUMNS = (*map(Column, ("profile", "place", "head", "unit")), Column("mean", interval="interval"))


def print_profiles(report: ProfileReport) -> None:
    """A row per profile and place: the mean over all heads, and the heads with the largest means."""
    about = report.about
    cells = [
        [
            row["profile"],
            place_of(row),
            row["unit"],
            str(row["n_prompts"] or DASH),
            _number(row, of=row),
            "\n".join(_largest(report, row)),
        ]
        for row in report.profiles
    ]
    on = f" on {about['task']}" if about["task"] else ""
    title = f"{about['model']}{on}: {about['n_layers']} x {about['n_heads']} heads"
    print_table(title, ("profile", "place", "unit", "prompts", "all heads", "largest"), cells)
    print_line(
        "In brackets: 95 % intervals over prompts (t; of shares of prompts, Wilson). What heads do on clean prompts, "
        "or would by their weights, and no effect of theirs."
    )
    for note in dict.fromkeys(f"{row['profile']}: {row['note']}." for row in report.profiles if row["note"]):
        print_line(note)
    if about["solved"] is not None:
        print_line(f"prompts: {kept_of_drawn(about['solved'])}")


def place_of(row: Row) -> str:
    """The place, and of attention between roles where it comes from: `END to IO`."""
    query = row["settings"].get("query")
    return row["place"] if query is None else f"{query} to {row['place']}"


def _largest(report: ProfileReport, of: Row) -> list[str]:
    """The heads, or other parts, with the largest means, also negative ones, of one profile at one place."""
    own = [row for row in report.rows if (row["profile"], row["place"]) == (of["profile"], of["place"])]
    known = sorted((row for row in own if row["mean"] is not None), key=lambda row: -abs(row["mean"]))
    return [f"{row['head']} {_number(row, of=of)}" for row in known[:_SHOWN]]


def _number(row: Row, *, of: Row) -> str:
    """The mean of a row with its interval, which weights have none of; shares of prompts in percent."""
    if row["mean"] is None:
        return DASH
    spec = SHARE if of["is_share_of_prompts"] else ".2f"
    return number_text(row["mean"], spec) + (f" {brackets(row['interval'], spec)}" if of["n_prompts"] else "")
