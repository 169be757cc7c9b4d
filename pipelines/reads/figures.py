"""What heads read as a figure: a table for each head."""

from __future__ import annotations

from typing import Literal

import numpy as np

from circuits.numbers import count_text
from graphs.figures.page import signed
from graphs.figures.read_table import ReadTable, ReadTables, read_tables_bytes
from pipelines.reads.pair_table import OTHERS
from pipelines.reads.report import ALL, ReadsReport
from pipelines.reporting.tables import Row

FORMATS: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
_MOST = 6  # tables


def figures(report: ReadsReport) -> dict[str, bytes]:
    """reads.pdf and reads.svg; nothing where no head has a score."""
    about, tables = report.about, report.tables[:_MOST]
    if not tables:
        return {}
    notes = [f"{OTHERS}: all writers without a row or column of their own, together; they have no interval."]
    if len(report.tables) > _MOST:
        notes.append(f"The first {_MOST} of {len(report.tables)} heads; reads.csv has all.")
    shown = ReadTables(
        tuple(_table(report, table) for table in tables),
        f"Attention scores {about['score']}",
        f"{about['model']} on {about['task']}, {count_text(about['n_prompts'], 'prompt')}",
        tuple(notes),
    )
    return {f"reads.{kind}": read_tables_bytes(shown, kind) for kind in FORMATS}


def _table(report: ReadsReport, table: Row) -> ReadTable:
    """The pairs of a head, with their sums on both sides."""
    rows = {(row["query_part"], row["key_part"]): row for row in report.rows if row["head"] == table["head"]}
    pairs = np.array(table["pairs"])
    values = np.block([[pairs, pairs.sum(1, keepdims=True)], [pairs.sum(0, keepdims=True), pairs.sum()]])
    whole = rows[ALL, ALL]
    of_query = [_is_sure(rows.get((name, ALL))) for name in table["queries"]]
    of_key = [_is_sure(rows.get((ALL, name))) for name in table["keys"]]
    is_sure = [[*map(bool, pairs), own] for pairs, own in zip(table["is_sure"], of_query, strict=True)]
    is_sure.append([*of_key, _is_sure(whole)])
    ends = whole["interval"] and f" [{', '.join(signed(end, 2) for end in whole['interval'])}]"
    title = f"{table['head']}: {signed(whole['mean'], 2)}{ends or ''}"
    return ReadTable(title, tuple(table["queries"]), tuple(table["keys"]), values, np.array(is_sure))


def _is_sure(row: Row | None) -> bool:
    """Whether the interval of a part holds no 0; never of `others`, which have none."""
    ends = None if row is None else row["interval"]
    return ends is not None and (ends[0] > 0 or ends[1] < 0)
