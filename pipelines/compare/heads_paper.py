"""Published circuits beside runs, and aligned heads, as tables for papers."""

from __future__ import annotations

from pipelines.compare.aligned import AlignedHeads
from pipelines.compare.published import MEASURED, PublishedComparison
from pipelines.reporting.p_values import Draws
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, measured

_DRAWN = (
    ("likeness", Draws("likeness.n_draws", "readings dealt anew", None)),
    ("depth_difference", Draws("depth_difference.n_draws", "pairs at random", None)),
)


def published_papers(report: PublishedComparison) -> dict[str, PaperTable]:
    """`heads`: those that each pair shares."""
    sources = [
        f"{circuit['name']}: {circuit['source']}{'. Listed: ' + circuit['note'] if circuit['note'] else ''}."
        for circuit in report.summary["circuits"]
        if circuit["source"] is not None
    ]
    models = {circuit["name"]: circuit["model"] for circuit in report.summary["circuits"]}
    rows = [
        {**row, "model": " / ".join(dict.fromkeys(models[row[side]] for side in "ab"))}
        for row in report.summary["overlaps"]
    ]
    table = PaperTable(
        title="Heads of runs and of published circuits",
        label=[Column("A", "a"), Column("B", "b")],
        columns=MEASURED,
        rows=rows,
        conditions=[Column("model")],
        notes=["By chance: heads drawn at random within each layer; p of sharing as many.", *sources],
    )
    return {"heads": table}


def aligned_papers(report: AlignedHeads) -> dict[str, PaperTable]:
    """`alignment`: how alike the aligned heads of each pair of runs are; `pairs`: these heads."""
    columns = []
    for name, draws in _DRAWN:
        heading = measured(name).heading
        columns += [
            measured(name, f"{name}.value"),
            Column(f"{heading} by chance", f"{name}.expected", ".2f"),
            Column(f"{heading}, p", f"{name}.p_value", draws=draws),
        ]
    rows = [{**row, "n_shared": len(row["pairs"])} for row in report.alignments]
    ends = [Column("A", "a"), Column("B", "b")]
    alignment = PaperTable(
        title=f"Heads aligned by {report.by}",
        label=ends,
        columns=[
            *map(measured, ("n_a", "n_b")),
            Column("aligned", "n_shared"),
            *columns,
        ],
        rows=rows,
        notes=[
            "Likeness by chance: readings dealt anew to the heads of one model, and aligned again. Depth takes no part "
            "in aligning; by chance, pairs at random."
        ],
    )
    pairs = [{"run_a": row["a"], "run_b": row["b"], **pair} for row in report.alignments for pair in row["pairs"]]
    found = {"alignment": alignment}
    if pairs:
        found["pairs"] = PaperTable(
            title=f"Pairs of heads aligned by {report.by}",
            label=[Column("head of A", "a"), Column("head of B", "b")],
            columns=[
                *map(measured, ("likeness", "margin")),
                Column("roles in A", "roles_a"),
                Column("roles in B", "roles_b"),
            ],
            rows=pairs,
            conditions=[Column("A", "run_a"), Column("B", "run_b")],
        )
    return found
