"""Reuse of heads as tables."""

from __future__ import annotations

from circuits.numbers import count_text
from pipelines.reporting.stage_tables import print_stages
from pipelines.reporting.tables import DASH, Column, Row, brackets, print_columns, print_line
from pipelines.reproduce.published import SOURCE
from pipelines.reproduce.report import Reproduction


def print_reuse(report: Reproduction) -> None:
    """The numbers, measured and published; the heads of every stage; and those that the paper names."""
    columns = [Column("", "what"), Column("measured", cell=_measured)]
    has_published = any(row["published"] is not None for row in report.rows)
    if has_published:
        columns.append(Column("published", cell=_published))
    print_columns(f"reuse of heads, {report.model}", columns, report.rows)
    for task, row in report.tasks.items():
        found = row["path_stages"]
        print_line(f"{task}: {count_text(row['n_prompts'], 'prompt')}; heads kept: {found['kept_by']}")
        for stage in found["stages"]:
            heads = ", ".join(entry["head"] for entry in stage["heads"]) or "none"
            way = "" if stage["through"] is None else f", by their {stage['through']}"
            print_line(f"  {stage['finds']} (into {', '.join(stage['asked'])}{way} at {stage['at']}): {heads}")
    print_stages(report.overlaps)
    for row in report.roles:
        found = ", ".join(f"{head} ({stage})" for head, stage in row["found"].items()) or "none"
        print_line(f"{row['task']}, {row['role']}: {row['n_found']} of the {row['n']} named heads found: {found}")
    if has_published:
        print_line(f"Published: {SOURCE}. How its 25 of 32 were counted is not stated.")


def _measured(row: Row) -> str:
    if row["measured"] is None:
        return DASH
    share = f"{row['measured']:.1%}"
    if row["counted"] is not None:
        return f"{share} ({row['counted']})"
    return f"{share} {brackets(row['interval'], '.1%')}"


def _published(row: Row) -> str:
    return DASH if row["published"] is None else f"{row['published']:.1%} ({row['as_published']})"
