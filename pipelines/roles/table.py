"""Roles as a table for people: the heads of the circuit, and what each role rests on."""

from __future__ import annotations

from circuits.numbers import count_text
from pipelines.reporting.tables import DASH, Column, Row, brackets, measured, print_line, print_table
from pipelines.roles.report import RolesReport

MEAN = Column("mean", format=".2f", interval="interval")
# A line per head, label and condition; heads without a label have one line.
COLUMNS = (
    *map(Column, ("head", "in_circuit", "role", "condition")),
    MEAN,
    measured("n_prompts"),
)


def print_roles(report: RolesReport) -> None:
    """The labelled heads of the circuit with their evidence; how many have none; rules that could not be applied."""
    about = report.about
    of_circuit = [row for row in report.rows if row["in_circuit"]]
    labelled = [row for row in of_circuit if row["labels"]]
    cells = [
        [row["head"] if number == 0 else "", label["role"], "\n".join(map(_said, label["evidence"]))]
        for row in labelled
        for number, label in enumerate(row["labels"])
    ]
    of = f"{len(labelled)} of {len(of_circuit)} heads of the circuit have a role"
    title = f"{about['model']} on {about['task']}: {of}"
    print_table(title, ("head", "role", "what it rests on"), cells)
    others = {rule["role"]: rule["other_heads"] for rule in report.rules if rule["other_heads"]}
    if others:
        print_line(
            "Outside of the circuit: " + "; ".join(f"{role} {_some(heads)}" for role, heads in others.items()) + "."
        )
    reasons: dict[str, list[str]] = {}
    for rule in report.rules:
        if rule["not_applied"] is not None:
            reasons.setdefault(rule["not_applied"], []).append(rule["role"])
    for reason, roles in reasons.items():
        print_line(f"{DASH} {', '.join(roles)} cannot be told here: {reason}")
    held = "that judged the circuit" if about["held_out"] else "that also chose the circuit"
    print_line(
        f"Means over {count_text(about['n_prompts'], 'prompt')} {held}, with {about['level']:.0%} t intervals, "
        f"each of which is past "
        f"its bound as a whole. Effects are shares of the gap between clean and corrupt prompts ({about['gap']:z.2f})."
    )


def csv_rows(report: RolesReport) -> list[Row]:
    """A row per head, label and condition."""
    rows: list[Row] = []
    for row in report.rows:
        identity = {"head": row["head"], "in_circuit": row["in_circuit"]}
        if not row["labels"]:
            rows.append(identity)
        for label in row["labels"]:
            rows += [{**identity, "role": label["role"], **_evidence(one)} for one in label["evidence"]]
    return rows


def _evidence(one: Row) -> Row:
    return {key: one[key] for key in ("condition", "mean", "n_prompts")} | {"interval": [one["low"], one["high"]]}


def _said(one: Row) -> str:
    ends = " (weights)" if one["n_prompts"] == 0 else f" {brackets([one['low'], one['high']], '.2f')}"
    return f"{one['condition']}: {one['mean']:z.2f}{ends}"


_SHOWN = 6


def _some(heads: list[str]) -> str:
    more = f" and {len(heads) - _SHOWN} more" if len(heads) > _SHOWN else ""
    return ", ".join(heads[:_SHOWN]) + more
