"""How well a model does every task, as a table and as CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from circuits.numbers import count_text
from circuits.solved import RULE
from pipelines.reporting.tables import DASH, Column, Row, measured, print_columns, print_line, with_interval
from pipelines.tasks.report import TasksReport

_REASON_SHOWN = 240
ACCURACY, TOP1, DIFFERENCE, CLEAN, CORRUPT = (
    measured(name, interval=f"{name}_interval") for name in ("accuracy", "top1", "difference", "clean", "corrupt")
)
_IN_SHORT = (
    Column("task"),
    Column("verdict"),
    measured("n_prompts"),
    measured("chance"),
    ACCURACY,
)
_IN_DETAIL = (
    *_IN_SHORT,
    measured("top1"),
    Column("metric"),
    DIFFERENCE,
    Column("when corrupted", cell=lambda row: "\n".join(_corrupted(row))),
)


def _corrupted(row: Row) -> list[str]:
    return [
        f"{name} {with_interval(values, 'corrupt', '.2f')}"
        for name, values in row["corruptions"].items()
        if values["reason"] is None
    ]


def flat(rows: Sequence[Row]) -> list[Row]:
    """One row per task and corruption."""
    return [{**row, "corruption": name, **values} for row in rows for name, values in row["corruptions"].items()]


def columns() -> list[Column]:
    """The columns of tasks.csv, which has a line per task and corruption."""
    of_task = [*map(Column, ("task", "verdict", "reason")), *map(measured, ("n_prompts", "chance")), Column("metric")]
    return [*of_task, Column("corruption"), ACCURACY, TOP1, DIFFERENCE, CLEAN, CORRUPT]


def print_tasks(report: TasksReport) -> None:
    """A line per task, what its words mean, and which tasks are missing; in detail, why, and what corruptions do."""
    held = [row for row in report.rows if row["reason"] is None]
    columns, top1, of_means = _IN_SHORT, "", ""
    if report.in_detail:
        columns, top1, of_means = _IN_DETAIL, " (top-1: above all tokens)", ", else t over prompts"
    if held:
        print_columns(
            f"{report.model}: tasks, {count_text(report.n_asked, 'prompt')} each, seed {report.seed}", columns, held
        )
        print_line(f"In brackets: 95 % intervals, Wilson's of shares{of_means}.")
        print_line(f"Right: an answer above every wrong one{top1}. {RULE}")
    missing = [entry for row in report.rows for entry in _reasons(row)]
    if report.in_detail:
        for what, reason in missing:
            print_line(f"{DASH} {what}: {textwrap.shorten(reason, _REASON_SHOWN, placeholder=' ...')}")
        return
    if missing:
        print_line(f"Cannot be built for this model ({len(missing)}): {'; '.join(what for what, _ in missing)}.")
    why = "Why these are missing, and what" if missing else "What"
    print_line(f"{why} each corruption does: --details.")


def _reasons(row: Row) -> Iterator[tuple[str, str]]:
    if row["reason"] is not None:
        yield row["task"], row["reason"].removeprefix(f"task '{row['task']}' ")
        return
    for name, values in row["corruptions"].items():
        if values["reason"] is not None:
            yield f"{row['task']}, corruption {name}", values["reason"]
