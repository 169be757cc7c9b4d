"""What circuits have in common, as tables for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphs.comparison.level import level_in_words
from graphs.comparison.nulls import NULLS
from graphs.comparison.traces import TraceComparison
from pipelines.compare.columns import IOU, P_CORRECTED, REUSE_INDEX, WITHIN, P, measure
from pipelines.compare.overlap_rows import chance_of, leading, level_rows
from pipelines.compare.overlap_table import scores_in_words
from pipelines.compare.pairs_paper import of_pairs
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row, measured

_SCORES = ("weighted_jaccard", "cosine", "spearman", "sign_agreement", "rank_biased_overlap")
_MOST_CELLS = 20
_LEVEL = Column("level", cell=lambda row: level_in_words(row["level"]))
_UNTOLD = "Without p: even the largest overlap that such circuits could have would be no surprise by chance."


def overlap_papers(summary: Row, traces: TraceComparison | None = None) -> dict[str, PaperTable]:
    """Of two circuits every level in a table; of several, edges and heads in one each; of two traces, their cells.

    summary  of a comparison, as it is stored
    """
    rows = [_beside_chance(row) for row in level_rows(summary["overlaps"])]
    tables = {}
    if len(summary["overlaps"]) == 1:
        tables["overlap"] = _overlap("What two circuits have in common", rows, summary, [_LEVEL])
    else:
        for name, level in (("overlap", "edges"), ("heads", "heads")):
            own = [row for row in rows if row["level"] == level]
            tables[name] = _overlap(f"{level.capitalize()} that circuits have in common", own, summary, [])
    tables |= {"chance": _chance(rows, summary), "scores": _scores(rows, summary), "traces": _traces(summary, traces)}
    return {name: table for name, table in tables.items() if table is not None}


def _beside_chance(row: Row) -> Row:
    """A pair at a level, with what the null that leads says; its p-values are left out where it cannot tell."""
    chance = chance_of(row, leading(row))
    if chance is None:
        return row
    told = {name: chance[name] if chance["can_tell"] else None for name in ("p_value", "p_value_corrected")}
    return {
        **row,
        **told,
        "expected_iou": chance["expected"],
        "n_samples": chance["n_samples"],
        "untold": not chance["can_tell"],
    }


def _overlap(title: str, rows: Sequence[Row], summary: Row, label: Sequence[Column]) -> PaperTable:
    is_of_two = bool(label)
    sizes = map(measured, ("n_a", "n_b", "n_shared"))
    p = P if is_of_two else P_CORRECTED
    columns = [*sizes, IOU, measured("expected_iou"), *WITHIN, REUSE_INDEX, p]
    first = summary["overlaps"][0]
    notes = [_UNTOLD] if any(row.get("untold") for row in rows) else []
    return of_pairs(
        title,
        rows,
        label,
        [column for column in columns if any(column.value(row) is not None for row in rows)],
        summary,
        intervals=_intervals(first, rows),
        notes=notes,
    )


def _intervals(first: Row, rows: Sequence[Row]) -> str | None:
    said = []
    if first["resamples"]:
        said.append(f"of IoU, 95 % of {first['resamples']:,} resamples of the prompts")
    if any(row["reuse_index"] is not None for row in rows):
        said.append("of the reuse index, 95 % t intervals over prompts (jackknife)")
    return "; ".join(said) or None


def _chance(rows: Sequence[Row], summary: Row) -> PaperTable | None:
    """What every null says about intersection over union, at every level."""
    said = [
        {name: row[name] for name in ("a", "b", "level")} | chance | {"iou": chance["value"]}
        for row in rows
        for chance in row["chances"]
        if chance["measure"] == "iou"
    ]
    if not said:
        return None
    told: list[Row] = [
        chance if chance["can_tell"] else chance | {"p_value": None, "p_value_corrected": None} for chance in said
    ]
    columns = [measured("iou"), measured("expected_iou", "expected"), P]
    if len(summary["overlaps"]) > 1:
        columns.append(P_CORRECTED)
    names = dict.fromkeys(row["null"] for row in said)
    return of_pairs(
        "Overlap of circuits by chance",
        told,
        [_LEVEL, Column("null")],
        columns,
        summary,
        notes=[*([_UNTOLD] if any(not row["can_tell"] for row in said) else []), *map(_null, names)],
    )


def _null(name: str) -> str:
    return f"{name[0].upper()}{name[1:]}: {NULLS[name].summary}." if name in NULLS else f"{name}."


def _scores(rows: Sequence[Row], summary: Row) -> PaperTable | None:
    """How alike the scores are."""
    scored = [row for row in rows if row["scores_are"] is not None]
    if not scored:
        return None
    are = dict.fromkeys(
        f"Scores of {level_in_words(row['level'])}: {scores_in_words(row['scores_are'])}." for row in scored
    )
    return of_pairs(
        "Likeness of signed scores", scored, [_LEVEL], list(map(measure, _SCORES)), summary, notes=list(are)
    )


def _traces(summary: Row, traces: TraceComparison | None) -> PaperTable | None:
    """Where two causal traces differ most."""
    if traces is None:
        return None
    found: Mapping[str, int] = summary["traces"]
    rates = [measured("recovery", f"recovery_{side}") for side in "ab"]
    columns = [
        *(Column(f"{rate.heading}, {side}", rate.path, rate.format) for rate, side in zip(rates, "AB", strict=True)),
        Column("difference", format=".2f", interval="ends"),
    ]
    labels = list(summary["runs"])
    rows = [
        {**row, "a": labels[0], "b": labels[1], "ends": (row["difference_low"], row["difference_high"])}
        for row in traces.rows()
    ]
    return of_pairs(
        "Where two causal traces recover different amounts",
        rows,
        [Column("component"), Column("position", "place")],
        columns,
        summary,
        intervals="95 % t intervals of A minus B over prompts",
        notes=[
            f"In {found['cells_apart']} of {found['cells']} cells the interval excludes 0, "
            f"by chance in about {0.05 * found['cells']:.0f}."
        ],
        most=_MOST_CELLS,
        order="the largest differences",
    )
