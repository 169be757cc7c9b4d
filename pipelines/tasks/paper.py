"""How well a model does every task, as tables for papers."""

from __future__ import annotations

from circuits.solved import RULE
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured
from pipelines.tasks.report import TasksReport
from pipelines.tasks.table import ACCURACY, CLEAN, CORRUPT, DIFFERENCE, TOP1, flat


def papers(report: TasksReport) -> dict[str, PaperTable]:
    """`tasks`: how well the model does each; `corruptions`: what each corruption does. None where none can be built."""
    held = [{**row, **_asked(report)} for row in report.rows if row["reason"] is None]
    if not held:
        return {}
    missing = [row["task"] for row in report.rows if row["reason"] is not None]
    left = [f"Cannot be built for this model: {', '.join(missing)}."] if missing else []
    corrupted = [row for row in flat(held) if row["corrupt"] is not None]
    return {
        "tasks": PaperTable(
            title="How well the model does each task",
            label=[Column("task")],
            columns=[Column("verdict"), measured("chance"), ACCURACY, TOP1, DIFFERENCE],
            rows=held,
            conditions=_CONDITIONS,
            intervals="95 % intervals over prompts, Wilson's of shares, else t",
            notes=[RULE, *left],
            has_best=False,
        ),
        "corruptions": PaperTable(
            title="The metric on clean and on corrupt prompts",
            label=[Column("task"), Column("corruption")],
            columns=[CLEAN, CORRUPT],
            rows=corrupted,
            conditions=_CONDITIONS,
            intervals="95 % t intervals over prompts",
            notes=left,
        ),
    }


_CONDITIONS = (Column("model"), Column("dtype"), Column("seed"), Column("metric"), measured("n_prompts"))


def _asked(report: TasksReport) -> Row:
    return {"model": report.model, "dtype": report.dtype, "seed": report.seed}
