"""What circuits do on other tasks, as tables for papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuits.numbers import count_text
from circuits.quantities import QUANTITIES
from pipelines.compare.checkpoint_rows import component_rows
from pipelines.compare.columns import ACCURACY, FAITHFULNESS, MATCHED_P, NORMALIZED, RETENTION
from pipelines.compare.pairs_paper import of_pairs
from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

OVER_PROMPTS = "95 % t intervals over prompts"
_MOST_COMPONENTS = 30
_OF_TASK = ("model", "metric", "ablation", "n_prompts", "solved")
_OF_CIRCUIT = ("circuit", "n_edges", "method")


def transfer_papers(summary: Row) -> dict[str, PaperTable]:
    """None of it where no circuit was run on another task.

    summary  of a comparison, as it is stored
    """
    transfer = summary["transfer"]
    if transfer is None:
        return {}
    rows = [_with_facts(row, summary) for row in transfer["matrix"]]
    edges = Column(transfer["level"], "n_edges") if transfer["level"] != "edges" else measured("n_edges")
    tables = {
        "transfer": _transfer(rows, edges),
        "matrix": _matrix(rows, edges, summary),
        "accuracy": _accuracy(rows),
        "verdicts": _verdicts(transfer["pairs"], summary),
        "sets": _sets(transfer["pairs"], summary, edges),
        "checkpoints": _checkpoints(summary["checkpoints"], summary),
    }
    return {name: table for name, table in tables.items() if table is not None}


def _with_facts(row: Row, summary: Row) -> Row:
    """A circuit on a task: what it was judged under there, and how it was found."""
    on, of = summary["of_runs"][row["task"]], summary["of_runs"][row["circuit"]]
    return {
        **row,
        "model": on["model"],
        "metric": on["metric"],
        "ablation": on["ablation"],
        "n_prompts": summary["transfer"]["n_prompts"][row["task"]],
        "solved": summary["solved"][row["task"]],
        "judged_on": "same" if row["circuit"] == row["task"] and on["judged_on"] == "same" else None,
        "method": of["method"],
    }


def _of_task(title: str, rows: Sequence[Row], columns: Sequence[Column], **more: Any) -> PaperTable:
    return PaperTable(
        title=title,
        label=[Column("circuit"), Column("task")],
        columns=columns,
        rows=rows,
        conditions=[*map(Column, ("task", "model", "metric")), ablation(), prompts(judged_on="judged_on")],
        settings=[Column("method")],
        has_best=False,
        **more,
    )


def _transfer(rows: Sequence[Row], edges: Column) -> PaperTable:
    matched = measured("matched_faithfulness", "matched.mean")
    columns = [edges, FAITHFULNESS, RETENTION, matched, MATCHED_P, NORMALIZED]
    shown = [column for column in columns if any(column.value(row) is not None for row in rows)]
    without = "On other heads: dash where a circuit fills the layers that it uses."
    return _of_task(
        "Transfer: what each circuit keeps of each task",
        rows,
        shown,
        intervals=OVER_PROMPTS,
        notes=[without] if any(matched.value(row) is None for row in rows) and matched in shown else (),
    )


def _matrix(rows: Sequence[Row], edges: Column, summary: Row) -> PaperTable:
    """A row per circuit and a column per task, whose heading says what it is judged under where tasks differ."""
    by_circuit: dict[str, dict[str, Any]] = {}
    for row in rows:
        same = {name: row[name] for name in _OF_TASK if all(other[name] == row[name] for other in rows)}
        own = by_circuit.setdefault(row["circuit"], {**{name: row[name] for name in _OF_CIRCUIT}, **same})
        own |= {f"on {row['task']}": row["faithfulness"], f"on {row['task']}, ends": row["interval"]}
    of_tasks = {row["task"]: row for row in rows}
    differing = [name for name in _OF_TASK if len({str(row[name]) for row in rows}) > 1 and name != "solved"]
    columns = [
        Column(
            ", ".join([task, *(_said(name, row) for name in differing)]),
            f"on {task}",
            interval=f"on {task}, ends",
            is_name=True,
            format=".3f",
        )
        for task, row in of_tasks.items()
    ]
    return PaperTable(
        title="Faithfulness of each circuit (row) on each task (column)",
        label=[Column("circuit")],
        columns=[edges, *columns],
        rows=list(by_circuit.values()),
        conditions=[Column("model"), Column("metric"), ablation(), prompts()],
        settings=[Column("method")],
        intervals=OVER_PROMPTS,
        notes=[f"Faithfulness: {QUANTITIES['faithfulness'].says}."],
    )


def _said(name: str, row: Row) -> str:
    return f"{count_text(row[name], 'prompt')}" if name == "n_prompts" else str(row[name])


def _accuracy(rows: Sequence[Row]) -> PaperTable | None:
    """None where the models predict numbers."""
    if any(row["accuracy"]["circuit"] is None for row in rows):
        return None
    empty = measured("accuracy_empty", "accuracy.empty.value")
    columns = [ACCURACY, measured("accuracy_model", "accuracy.model"), empty]
    return _of_task(
        "Accuracy of each circuit on each task", rows, columns, intervals="95 % Wilson intervals over prompts"
    )


def _verdicts(pairs: Sequence[Row], summary: Row) -> PaperTable:
    """The verdict of each pair, with what each circuit keeps of the other's task."""
    kept = {(row["circuit"], row["task"]): row["retention"] for row in summary["transfer"]["matrix"]}
    rows = [
        {
            **pair,
            "to_b": kept[pair["a"], pair["b"]],
            "to_a": kept[pair["b"], pair["a"]],
            **{f"lost_{side}": pair["necessity"][pair[side]] for side in "ab"},
        }
        for pair in pairs
    ]
    headings = {
        "to_b": "retention, A on B",
        "to_a": "retention, B on A",
        "lost_a": "lost by A without the shared part",
        "lost_b": "lost by B without the shared part",
    }
    estimates = [Column(heading, f"{name}.value", ".2f", f"{name}.interval") for name, heading in headings.items()]
    rules = dict.fromkeys(f"{pair['verdict']}: {pair['rule']}" for pair in pairs)
    return of_pairs(
        "Whether tasks share a mechanism",
        rows,
        [Column("verdict")],
        estimates,
        summary,
        intervals=OVER_PROMPTS,
        notes=[f"Retention: {QUANTITIES['retention'].says}.", *(f"{rule[0].upper()}{rule[1:]}." for rule in rules)],
    )


def _sets(pairs: Sequence[Row], summary: Row, edges: Column) -> PaperTable:
    """Circuits made of two, on the task of each."""
    rows = [
        {"a": pair["a"], "b": pair["b"], **entry, **{f"on_{side}": entry["on"].get(pair[side]) for side in "ab"}}
        for pair in pairs
        for entry in pair["sets"].values()
    ]
    columns = [
        edges,
        *(
            Column(f"faithfulness on {side.upper()}", f"on_{side}.faithfulness", ".2f", f"on_{side}.interval")
            for side in "ab"
        ),
    ]
    return of_pairs("Circuits made of two", rows, [Column("circuit")], columns, summary, intervals=OVER_PROMPTS)


def _checkpoints(rows: Sequence[Row], summary: Row) -> PaperTable | None:
    """What share of the difference between two models each component and group recovers."""
    patched = sorted(component_rows(rows), key=lambda row: -abs(row["recovered"]))
    if not patched:
        return None
    known = [
        {**row, "ends": (row["low"], row["high"]), **{k: summary["of_runs"][row["into"]][k] for k in ("metric",)}}
        for row in patched
    ]
    return PaperTable(
        title="Share of the difference between two models that patched outputs recover",
        label=[Column("patched")],
        columns=[measured("n_components"), measured("recovered", interval="ends")],
        rows=known,
        conditions=[Column("task"), Column("into"), Column("from"), Column("metric")],
        intervals=OVER_PROMPTS,
        most=_MOST_COMPONENTS,
        order="those that recover most",
    )
