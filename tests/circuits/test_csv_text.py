"""Tables as CSV: read again they are what they were, and spreadsheets carry nothing out."""

from __future__ import annotations

import csv
import io

import pytest

from circuits.csv_text import csv_text, delimited


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", '=HYPERLINK("http://a")']
)
def test_a_text_that_is_a_formula_is_text(text: str):
    assert list(csv.reader(io.StringIO(csv_text([(text, 1)]), newline=""))) == [[f"'{text}", "1"]]


@pytest.mark.parametrize(
    "text", ["", "a", "a=1", "-", "+", "=", "-0.5", "+3", "-1e-05", "-inf", "@", 'a "b", c\nd', " =1"]
)
def test_other_texts_and_numbers_are_as_they_are(text: str):
    assert list(csv.reader(io.StringIO(csv_text([(text, -0.25)]), newline=""))) == [[text, "-0.25"]]


def test_nothing_is_an_empty_cell_and_half_a_character_its_escape():
    assert csv_text([(None, "a\ud800", True)]) == ",a\\ud800,True\n"
    assert csv_text([]) == ""


@pytest.mark.parametrize("separator", [",", "\t"])
def test_rows_are_read_as_they_were(separator: str):
    rows = [["a\rb", "c\r\nd", "e\nf"], ['"', ",", "\t"], ["\r", "", "x\r\n"]]
    text = delimited(rows, separator)
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)) == rows
