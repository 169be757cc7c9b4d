"""Effects as a table for people."""

from __future__ import annotations

from circuits.numbers import count_text
from circuits.solved import kept_of_drawn
from pipelines.effects.report import EffectsReport
from pipelines.reporting.tables import Column, measured, print_columns, print_line

_SHOWN = 20
_NUMBERS = ("total", "direct", "indirect", "writes")
COLUMNS = (
    Column("part"),
    *(measured(name, interval=f"{name}_interval") for name in _NUMBERS),
    Column("class"),
)


def print_effects(report: EffectsReport) -> None:
    """The parts with the largest total effects, and the heads of every class."""
    about, rows = report.about, report.rows[:_SHOWN]
    title = (
        f"{about['model']} on {about['task']}, {count_text(about['n_prompts'], 'prompt')}: {about['metric']} "
        f"{about['clean']:z.2f}, "
        f"{about['ablated']:z.2f} with everything ablated ({about['ablation']})"
    )
    shown = [column for column in COLUMNS if any(column.value(row) is not None for row in report.rows)]
    print_columns(title, shown, rows)
    for name in dict.fromkeys(row["class"] for row in report.rows if row["class"] is not None):
        print_line(f"{name}: {', '.join(row['part'] for row in report.rows if row['class'] == name)}")
    if about["no_classes"] is not None:
        print_line(f"no classes of heads: {about['no_classes']}.")
    left = len(report.rows) - len(rows)
    largest = f"the largest total effects, {left} more in effects.csv" if left else "the largest total effects first"
    print_line(
        f"At the answer position; {largest}. In brackets: 95 % t intervals over prompts. Indirect is total minus "
        "direct; direct logit attribution is what the part writes on the logit difference."
    )
    if about["solved"] is not None:
        print_line(f"prompts: {kept_of_drawn(about['solved'])}")
