"""Rows as CSV: every value stands in its column, whatever tasks and models are called."""

from __future__ import annotations

import csv
import io

from pipelines.reporting.tables import Column, as_csv, value_at


def test_a_column_called_after_a_model_with_a_dot_holds_its_values():
    rows = [{"name": "a0.h0", "in_ioi (Qwen2.5-0.5B)": True, "score": {"mean": 0.5}}]
    (read,) = csv.DictReader(io.StringIO(as_csv(rows).decode()))
    assert read["in_ioi (Qwen2.5-0.5B)"] == "True"
    columns = [Column("in_ioi (Qwen2.5-0.5B)"), Column("mean", "score.mean")]
    (read,) = csv.DictReader(io.StringIO(as_csv(rows, columns).decode()))
    assert read == {"in_ioi (Qwen2.5-0.5B)": "True", "mean": "0.5"}
    assert value_at(rows[0], "score.sd") is None


def test_no_rows_give_the_headings_alone():
    assert as_csv([], [Column("a"), Column("b.c")]) == b"a,b.c\n"
    assert as_csv([]) == b""
