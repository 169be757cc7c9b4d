"""A comparison as tables: what circuits do on other tasks, then what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.numbers import number_text
from circuits.solved import kept_of_drawn
from graphs.recovery_table import KINDS
from pipelines.compare.checkpoint_table import print_checkpoints
from pipelines.compare.columns import (
    ACCURACY,
    FAITHFULNESS,
    MATCHED,
    MATCHED_P,
    NORMALIZED,
    RETENTION,
    SIZED,
)
from pipelines.compare.many_table import print_many
from pipelines.compare.overlap_table import print_overlap, print_overlaps
from pipelines.compare.report import StoredComparison
from pipelines.reporting.stage_tables import print_stages
from pipelines.reporting.tables import (
    DASH,
    SHARE,
    Column,
    brackets,
    floor_notes,
    print_columns,
    print_line,
    print_table,
)

Row = Mapping[str, Any]


def print_comparison(stored: StoredComparison) -> None:
    """What circuits share. What was not measured, and a share of nothing, is shown as a dash."""
    summary = stored.summary
    if summary["transfer"] is None:
        print_line(f"no circuit was run on another task: {summary['no_transfer']}.")
    else:
        _print_transfer(summary["transfer"], is_of_two=len(stored.comparisons) == 1)
    if len(stored.comparisons) == 1:
        print_overlap(stored)
    else:
        print_overlaps(summary)
    print_stages(summary["by_stage"])
    print_many(stored.many)
    for row in summary["checkpoints"]:
        print_checkpoints(row)
    for name, solved in summary["solved"].items():
        if solved is not None:
            print_line(f"prompts of {name}: {kept_of_drawn(solved)}")
    if "traces" in summary:
        _print_traces(summary["traces"])


def _print_transfer(transfer: Row, *, is_of_two: bool) -> None:
    """Each circuit on each task, circuits made of two, and the verdicts; of many, without the numbers behind these."""
    parts = transfer["level"]
    if is_of_two:
        columns = (
            Column("circuit"),
            Column("task"),
            Column(parts, "n_edges", ","),
            FAITHFULNESS,
            RETENTION,
            ACCURACY,
            MATCHED,
            MATCHED_P,
            NORMALIZED,
            SIZED,
        )
        print_columns("transfer: what each circuit keeps of each task", columns, transfer["matrix"])
        lacks = any(MATCHED.value(row) is None for row in transfer["matrix"])
        fills = "; - where it fills the layers it uses" if lacks else ""
        print_line(
            "In brackets: 95 % intervals over prompts (t; of accuracy, Wilson), of draws their range. Retention: "
            "relative to the task's own circuit, or to the whole model where that circuit goes beyond it. On other "
            f"heads: the same circuit, its heads renamed within layers{fills}. Normalized "
            "transfer: 0 where it does as well on other heads, 1 where as well as what retention is relative to."
        )
        if any("sized" in row for row in transfer["matrix"]):
            print_line(
                f"At equal size: every circuit chosen anew, by its own rule and ranking, with as many {parts} as the "
                "largest one has. That is another circuit, and its faithfulness may be quite different."
            )
        for note in floor_notes([MATCHED_P], transfer["matrix"]):
            print_line(note)
    else:
        _print_matrix(transfer["matrix"], parts)
    _print_disagreements(transfer["matrix"])
    for core in transfer["cores"]:
        kept = ", ".join(f"{name} {_faithful(row)}" for name, row in core["on"].items())
        print_line(f"{parts} in {core['in_at_least']} circuits or more: {core['n_edges']:,}; they keep {kept}")
    if not is_of_two:
        _print_verdicts(transfer["pairs"])
        return
    for pair in transfer["pairs"]:
        _print_sets(pair, parts)
        print_line(f"{pair['a']} and {pair['b']}: {pair['verdict'].upper()}{_why(pair)}")
        for reason in pair["reasons"]:
            print_line(f"  {reason}")
        _print_advice(pair, indent="")


def _print_verdicts(pairs: Sequence[Row]) -> None:
    """Each verdict once, with its rule and the pairs that it is on; of each that is undecided, why."""
    by_verdict: dict[tuple[str, str], list[str]] = {}
    for pair in pairs:
        by_verdict.setdefault((pair["verdict"], pair["rule"]), []).append(f"{pair['a']} and {pair['b']}")
    for (verdict, rule), names in sorted(by_verdict.items(), key=lambda entry: len(entry[1])):
        print_line(f"{verdict.upper()} ({rule}): {'; '.join(names)}")
    for pair in pairs:
        if pair["because"]:
            print_line(f"  {pair['a']} and {pair['b']}: undecided{_why(pair)}")
            _print_advice(pair, indent="    ")


def _print_advice(pair: Row, *, indent: str) -> None:
    """What may decide a pair; nothing where it is decided."""
    for advice in pair["advice"]:
        print_line(f"{indent}to decide: {advice}")


def _why(pair: Row) -> str:
    """The rule that gave a verdict; where it is undecided, the conditions that failed."""
    return f" because {'; and '.join(pair['because'])}" if pair["because"] else f": {pair['rule']}"


def _print_matrix(rows: Sequence[Row], parts: str) -> None:
    """A row per circuit, a column per task."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault(row["circuit"], [row["circuit"], f"{row['n_edges']:,}"]).append(_faithful(row))
    title = "transfer: what each circuit (row) keeps of each task (column)"
    print_table(title, ["circuit", parts, *tasks], lines.values())
    _print_accuracy(rows)
    print_line(
        "In brackets: 95 % t intervals over prompts. Random circuits, the same on other heads, at equal size: "
        "transfer.csv; circuits made of two, and why each verdict: summary.json."
    )


def _print_accuracy(rows: Sequence[Row]) -> None:
    """How often each circuit answers right, on every task; nothing where the model predicts a number."""
    of_tasks = {row["task"]: row["accuracy"] for row in rows}
    if any(accuracy["circuit"] is None for accuracy in of_tasks.values()):
        return
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault(row["circuit"], [row["circuit"]]).append(_accuracy(row["accuracy"]["circuit"]))
    whole = ["whole model", *(number_text(accuracy["model"], SHARE) for accuracy in of_tasks.values())]
    empty = ["empty circuit", *(_accuracy(accuracy["empty"]) for accuracy in of_tasks.values())]
    title = "accuracy: how often each circuit (row) answers each task (column) right, 95 % Wilson intervals"
    print_table(title, ["circuit", *of_tasks], [*lines.values(), whole, empty])


def _print_disagreements(rows: Sequence[Row]) -> None:
    """Where a circuit keeps half of a task by the metric and not by accuracy, or the other way round."""
    for row in rows:
        if row["accuracy"]["disagrees"]:
            print_line(
                f"{row['circuit']} on {row['task']}: the metric and accuracy disagree: retention is "
                f"{_estimate(row['retention'])} by the metric, {_estimate(row['accuracy']['retention'])} by accuracy"
            )


def _print_sets(pair: Row, parts: str) -> None:
    cells = [
        [entry["circuit"], f"{entry['n_edges']:,}", *(_faithful(entry["on"].get(pair[side])) for side in "ab")]
        for entry in pair["sets"].values()
    ]
    headings = ("circuit", parts, f"on A: {pair['a']}", f"on B: {pair['b']}")
    print_table(f"circuits made of A and B: {pair['a']} and {pair['b']}", headings, cells)


def _faithful(row: Row | None) -> str:
    if row is None or row["faithfulness"] is None:
        return DASH
    ends = f" {brackets(row['interval'], '.2f')}" if "interval" in row else ""
    return f"{row['faithfulness']:z.2f}{ends}"


def _estimate(row: Row | None) -> str:
    return DASH if row is None else f"{row['value']:z.2f} {brackets(row['interval'], '.2f')}"


def _accuracy(row: Row | None) -> str:
    return DASH if row is None else f"{number_text(row['value'], SHARE)} {brackets(row['interval'], SHARE)}"


def _print_traces(traces: Row) -> None:
    """How far two traces agree, and where they differ most."""
    known = {kind: value for kind, value in traces["rank_correlations"].items() if value is not None}
    shown = ", ".join(f"{KINDS[kind]} {value:z.2f}" for kind, value in known.items())
    print_line(f"rank correlation of recovery rates: {shown or 'not defined'}")
    print_line(
        f"recovery rates differ in {traces['cells_apart']} of {traces['cells']} cells (95 % t interval of A minus B "
        f"excludes 0; by chance about {0.05 * traces['cells']:.0f}). Largest:",
    )
    for row in traces["largest"]:
        ends = brackets((row["difference_low"], row["difference_high"]), "+.2f")
        rates = f"{row['recovery_a']:z.2f} and {row['recovery_b']:z.2f}"
        print_line(f"  {row['difference']:+z.2f} {ends}  {row['component']} at {row['place']}: {rates}")
