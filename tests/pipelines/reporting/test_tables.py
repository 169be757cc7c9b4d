"""Rows as CSV: every value stands in its column, whatever tasks and models are called."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipelines.reporting.fitting import in_room
from pipelines.reporting.tables import Column, as_csv, console, print_table, value_at, with_interval


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
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 30
    assert "a-name-of-twenty-six-letters" in "".join(line.split("│")[1].strip() for line in lines if line[:1] == "│")


@pytest.mark.parametrize("columns", ["0", "1", "19"])
def test_a_width_in_which_nobody_reads_swallows_no_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
):
    monkeypatch.setenv("COLUMNS", columns)
    console().print("eighty characters are what rich takes where nothing says how wide it is")
    assert capsys.readouterr().out == "eighty characters are what rich takes where nothing says how wide it is\n"


ROWS = [["ioi", "agreement", "0.85 [0.80, 0.90]", "1.00 (0.46, p <= .0050)"], ["ioi", "ioi", "-", "0.31 (0.40, p .67)"]]
HEADINGS = ["circuit", "task", "faithfulness", "weighted Jaccard"]


def printed_in(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that a terminal of a width shows."""
    in_terminal = Console(markup=False, highlight=False, force_terminal=True, no_color=True, width=width)
    monkeypatch.setattr("pipelines.reporting.tables.console", lambda: in_terminal)
    print_table("title", HEADINGS, ROWS)
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


@pytest.mark.parametrize("width", [76, 70, 60, 50, 46])
def test_in_a_terminal_tables_fit_and_break_no_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
):
    lines = printed_in(width, capsys, monkeypatch)
    assert max(map(len, lines)) <= width
    for whole in ("[0.80, 0.90]", "(0.46, p <= .0050)", "(0.40, p .67)", "agreement"):
        assert any(whole in line for line in lines)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.85 [0.80, inf]%", ["0.85", "[0.80, inf]%"]),
        ("0.38 (0.19, p <= .0050)", ["0.38", "(0.19, p <= .0050)"]),
        ("kinds: ['head', 'mlp'] (few of them)", ["kinds:", "['head',", "'mlp']", "(few", "of", "them)"]),
    ],
)
def test_numbers_in_brackets_stay_together_and_words_do_not(text: str, parts: list[str]):
    (column,) = next(in_room([[text, text]], max(map(len, parts)) + 4))
    lines = column.texts[0].split("\n")
    assert column.width == max(map(len, parts))
    assert " ".join(lines) == text
    assert all(any(part in line for line in lines) for part in parts)


def test_columns_without_room_follow_below_beside_those_that_tell_rows_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    lines = [line.strip() for line in printed_in(50, capsys, monkeypatch)]
    assert lines.count("title") == lines.count("(continued)") == 1
    above, below = lines[: lines.index("(continued)")], lines[lines.index("(continued)") :]
    for part in (above, below):
        assert any("ioi" in line and "agreement" in line for line in part)
    assert any("faithfulness" in line for line in above)
    assert not any("Jaccard" in line for line in above)
    assert any("Jaccard" in line for line in below)
    assert not any("faithfulness" in line for line in below)
    assert "(continued)" not in "".join(printed_in(80, capsys, monkeypatch))


def test_no_column_is_lost_where_a_terminal_has_no_room_for_any(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    text = "".join(printed_in(20, capsys, monkeypatch))
    assert all(cell in text for cell in (*HEADINGS[:3], "Jaccard", "[0.80, 0.90]", "(0.46, p <= .0050)"))


@pytest.mark.parametrize(
    ("value", "ends", "shown"),
    [
        (1.26e-5, [None, None], "1.26e-05 [-]"),
        (0.00031, [0.0001, 0.0005], "0.00031 [0.0001, 0.0005]"),
        (-0.00031, [-0.0005, -0.0001], "-0.00031 [-0.0005, -0.0001]"),
        (0.0004, [-0.01, 0.01], "0.000 [-0.010, 0.010]"),
        (0.0, [None, None], "0.000 [-]"),
        (0.001, [0.0001, 0.002], "0.001 [0.000, 0.002]"),
    ],
    ids=["unbounded", "above", "below", "noise", "zero", "told"],
)
def test_small_values_that_are_known_have_significant_digits(value: float, ends: list[Any], shown: str):
    row = {"gap": value, "gap_interval": ends}
    assert with_interval(row, "gap", ".3f") == shown
    assert Column("gap", format=".3f", interval="gap_interval").text(row) == shown


@pytest.mark.parametrize("width", [80, 40, 24])
def test_a_name_longer_than_a_terminal_is_broken_at_last_and_numbers_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
):
    name = "a-name-" * 14
    monkeypatch.setattr("tests.pipelines.reporting.test_tables.ROWS", [[name, *ROWS[0][1:]], [name[1:], *ROWS[1][1:]]])
    lines = printed_in(width, capsys, monkeypatch)
    assert max(map(len, lines)) <= max(width, 40)
    assert name in "".join(line.split("│")[1].strip() for line in lines if line.startswith("│"))
    assert any("[0.80, 0.90]" in line for line in lines)


def test_in_a_pipe_a_table_that_folds_is_one_of_whole_words(capsys: pytest.CaptureFixture[str]):
    rows = [["a" * 40, "some words " * 12, "b" * 40]]
    print_table("title", ["name", "what", "settings"], rows, folds=True)
    text = capsys.readouterr().out
    assert "(continued)" not in text
    assert all(any(word in line for line in text.splitlines()) for word in ("a" * 40, "b" * 40))
    assert text.count("some") == 12
    assert len(text.splitlines()) > 15


@pytest.mark.parametrize(
    ("headings", "rows"),
    [([], []), (["a"], []), (["a"], [["日本語のとても長い名前" * 4]]), (["a", "b"], [["", ""], ["one\ntwo", "three"]])],
    ids=["nothing", "no row", "letters of two cells", "empty cells and lines"],
)
def test_whatever_a_table_holds_it_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, headings: list[str], rows: list[list[str]]
):
    in_terminal = Console(markup=False, highlight=False, force_terminal=True, no_color=True, width=30)
    monkeypatch.setattr("pipelines.reporting.tables.console", lambda: in_terminal)
    print_table("title", headings, rows)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(cell_len, lines)) <= 30
    shown = "".join("".join(line.split("│")).replace(" ", "") for line in lines if line.startswith("│"))
    assert len(shown) == sum(len(cell.replace("\n", "")) for row in rows for cell in row)
