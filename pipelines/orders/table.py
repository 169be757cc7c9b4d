"""Order sensitivity as a table for people and as CSV."""

from __future__ import annotations

from circuits.numbers import count_text
from pipelines.orders.report import OrdersReport
from pipelines.reporting.tables import Column, print_columns, print_line, with_interval

COLUMNS = (Column("line"), *(Column(name, name, interval=f"{name}_interval") for name in ("metric", "accuracy")))
_SHOWN = (
    Column("correct option on line", "line", "d"),
    Column("metric", "metric", ".2f", "metric_interval"),
    Column("accuracy", "accuracy", ".2f", "accuracy_interval"),
)


def print_orders(report: OrdersReport) -> None:
    """The lines, then the sensitivity in words."""
    about = report.about
    title = (
        f"{about['task']} on {about['model']}: {count_text(about['n_questions'], 'question')} in "
        f"{about['n_orders']} orders"
    )
    print_columns(title, _SHOWN, report.rows)
    print_line(
        f"order sensitivity: variance of the {about['metric']} over orders {with_interval(about, 'variance', '.3f')}"
    )
    print_line(
        f"of all variance: {with_interval(about, 'share', '.0%')}; accuracy {with_interval(about, 'accuracy', '.2f')}"
    )
    print_line(f"right in some orders and wrong in others: {with_interval(about, 'mixed', '.0%')} of the questions")
    print_line("In brackets: 95 % intervals over questions (t; Wilson's of the share of questions).")
