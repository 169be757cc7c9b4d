"""Judged runs as tables for papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuits.evaluation.hypotheses import HYPOTHESES
from pipelines.evaluate.report import Evaluation
from pipelines.evaluate.table import BOOTSTRAPPED, COLUMNS, PERMUTATIONS, says
from pipelines.reporting.paper.facts import ablation, label, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

_TITLES = {
    "quality": "Faithfulness of circuits",
    "checks": "Completeness, minimality and stability of circuits",
    "ranking": "Ranking of the parts of a known circuit",
    "cost": "Cost of scoring",
}
_SHOWN = {
    "quality": ("n_edges", "faithfulness", "cpr", "cmd", "random_faithfulness", "random_p"),
    "checks": ("distance", "incompleteness_sampled", "incompleteness_greedy", "minimality", "stability"),
    "ranking": ("auroc_edges", "auroc_nodes", "auroc_heads", "heads_precision", "heads_recall", "heads_best_f1"),
    "cost": ("forward_equivalents", "seconds", "peak_memory_mb"),
}


def papers(evaluation: Evaluation) -> dict[str, PaperTable]:
    """`quality`, `checks`, `cost`; `ranking` where a known circuit was given, `hypotheses` where these were tested."""
    by_name = {column.name: column for column in COLUMNS}
    tables = {}
    for name, shown in _SHOWN.items():
        if name == "ranking" and evaluation.truth is None:
            continue
        columns = [by_name[one] for one in shown]
        has_intervals = any(column.interval is not None for column in columns)
        tables[name] = _table(
            _TITLES[name] + (f": {evaluation.truth}" if name == "ranking" else ""),
            evaluation.rows,
            [column for column in columns if any(column.value(row) is not None for row in evaluation.rows)],
            intervals=_intervals(columns) if has_intervals else None,
        )
    if rows := _tested(evaluation.rows):
        p = measured("p_value", draws=PERMUTATIONS)
        columns = [Column("test"), p, Column("outcome", cell=says)]
        nulls = [
            f"{name}: null hypothesis: {HYPOTHESES[name]().in_words(HYPOTHESES[name].null)}." for name in _names(rows)
        ]
        tables["hypotheses"] = _table("Hypothesis tests of circuits", rows, columns, notes=nulls, of=evaluation.rows)
    return tables


def _intervals(columns: Sequence[Column]) -> str:
    """What the intervals are, of the columns that a table has."""
    with_ends = [column.name for column in columns if column.interval is not None]
    names = list(dict.fromkeys(BOOTSTRAPPED[name] for name in with_ends if name in BOOTSTRAPPED))
    if not names:
        return "95 % t intervals over prompts"
    if all(name in BOOTSTRAPPED for name in with_ends):
        return "95 % bootstrap intervals over prompts"
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"95 % intervals over prompts; t, but bootstrap for {listed}"


def _table(
    title: str, rows: Sequence[Row], columns: Sequence[Column], *, of: Sequence[Row] = (), **more: Any
) -> PaperTable:
    name = label(
        "circuit",
        of or rows,
        lambda row: row["method"],
        lambda row: row["task"],
        lambda row: f"{row['task']}, {row['method']}",
        lambda row: row["run"],
    )
    return PaperTable(
        title=title,
        label=[name],
        columns=columns,
        rows=rows,
        conditions=[*map(Column, ("task", "model", "metric")), ablation(), prompts(judged_on="judged_on")],
        settings=[Column("method"), measured("of_edges")],
        **more,
    )


def _tested(rows: Sequence[Row]) -> list[Row]:
    return [{**row, **test, "test": name} for row in rows for name, test in (row["hypotheses"] or {}).items()]


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["test"] for row in rows))
