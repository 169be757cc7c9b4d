"""Rows as CSV: every value stands in its column, whatever tasks and models are called."""

from __future__ import annotations

import csv
import io

import pytest

from pipelines.reporting.tables import Column, as_csv, console, print_table, value_at


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


NAMES = ["run", "faithfulness with its interval", "what it rests on"]
CELLS = [
    ["a-name-of-twenty-six-letters", "0.85 [0.80, 0.90]", "a sentence that is longer than what is left for it"]
] * 2


@pytest.mark.parametrize("columns", ["60", "80"])
def test_tables_fit_into_the_columns_that_are_asked_for_and_break_no_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
):
    monkeypatch.setenv("COLUMNS", columns)
    print_table("title", NAMES, CELLS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    words = {word for line in lines for word in line.replace("│", " ").split()}
    assert {word for cell in CELLS[0] for word in cell.split()} <= words


@pytest.mark.parametrize("columns", [None, "0", "1", "19", "wide", "200"])
def test_without_such_a_number_or_with_room_every_row_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str | None
):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    print_table("title", NAMES, CELLS)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("│") for line in lines) == len(CELLS)
    assert all(cell in lines[4] for cell in CELLS[0])


def test_where_the_longest_words_need_more_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "30")
    print_table("title", NAMES, CELLS)
    assert "a-name-of-twenty-six-letters" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["0", "1", "19"])
def test_a_width_in_which_nobody_reads_swallows_no_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
):
    monkeypatch.setenv("COLUMNS", columns)
    console().print("eighty characters are what rich takes where nothing says how wide it is")
    assert capsys.readouterr().out == "eighty characters are what rich takes where nothing says how wide it is\n"
