"""A causal trace as tables for papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.recovery_table import KINDS
from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import DASH, Column, Row, measured
from pipelines.trace.recovery_tables import LABELS
from pipelines.trace.report import Traced
from pipelines.trace.table import half_back, strongest

_MOST = 20
_RATES = (measured("recovery", interval="recovery_ends"), measured("mean_of_ratios", interval="mean_of_ratios_ends"))


def papers(traced: Traced) -> dict[str, PaperTable]:
    """`positions`: at each the strongest component of each kind; `components`: the strongest of all."""
    parts = sorted(
        (row for row in traced.rows if row["kind"] != "residual" and row["recovery"] is not None),
        key=lambda row: -abs(row["recovery"]),
    )
    found = {"positions": _table(traced, "Recovery rates by position", list(_by_position(traced)), _BY_POSITION)}
    if parts:
        columns = [Column("position"), Column("component"), *_RATES]
        found["components"] = _table(
            traced,
            "The components that restore most",
            [_shown(row) for row in parts],
            columns,
            most=_MOST,
            order="the largest recovery rates by magnitude",
        )
    return found


_BY_POSITION = (Column("position"), Column("part"), Column("strongest", "component"), *_RATES, Column("half or more"))


def _by_position(traced: Traced) -> Iterator[Row]:
    """A row for each kind at each position: its strongest component; of hidden states also those that restore half."""
    for position in traced.trace.scores.positions:
        rows = [row for row in traced.rows if row["place"] == position]
        for kind in dict.fromkeys(row["kind"] for row in rows):
            own = strongest(rows, kind)
            if own is not None:
                half = half_back(rows) if kind == "residual" else DASH
                yield {**_shown(own), "part": KINDS[kind], "half or more": None if half == DASH else half}


def _shown(row: Row) -> Row:
    ends = {f"{name}_ends": (row[f"{name}_low"], row[f"{name}_high"]) for name in ("recovery", "mean_of_ratios")}
    return {**row, **ends, "position": LABELS.get(row["place"], row["place"])}


def _table(
    traced: Traced,
    title: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    most: int | None = None,
    order: str = "",
) -> PaperTable:
    summary = traced.summary
    same = {name: summary[name] for name in ("task", "model", "method", "ablation", "n_prompts", "solved")}
    n_labels = 2
    has_half = any(row.get("half or more") for row in rows)
    return PaperTable(
        title=title,
        label=columns[:n_labels],
        columns=[column for column in columns[n_labels:] if column.heading != "half or more" or has_half],
        rows=[{**row, **same, "metric": summary["metric"]["name"]} for row in rows],
        conditions=[*map(Column, ("task", "model", "metric")), ablation(), prompts()],
        settings=[Column("method")],
        intervals="95 % t intervals over prompts",
        notes=["Half or more: hidden states that bring back at least half."] if has_half else (),
        most=most,
        order=order,
    )
