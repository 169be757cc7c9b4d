"""No number is printed as minus zero, and one function sees to it."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from circuits.numbers import number_text
from circuits.quantities import QUANTITIES
from graphs.export.latex_text import number as paper_number
from graphs.figures.page import signed
from pipelines.reporting.run_states import faithfulness_words
from pipelines.reporting.tables import Column, brackets, print_rows, with_interval
from tests.conftest import ROOT

MINUS_ZERO = re.compile(r"[-\u2212]0*\.?0*(?![\d.])")
SPEC = re.compile(r"[+ -]?(z?)[\d,]*\.\d*[eEfFgG%]")


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (-0.004, ".2f", "0.00"),
        (-0.004, "+.2f", "+0.00"),
        (-0.0004, ".1%", "0.0%"),
        (-0.0, "g", "0"),
        (-0.0, "", "0.0"),
        (np.float32(-0.004), ".2f", "0.00"),
        (-0.006, ".2f", "-0.01"),
        (-0.01, "", "-0.01"),
        (float("-inf"), ".2f", "-inf"),
        (-1234, ",", "-1,234"),
        (0, "+.2f", "+0.00"),
        (-0.004, "z.2f", "0.00"),
        (1e308, ".2f", "1e+308"),
        (-1.5e12, "+.3f", "-1.5e+12"),
        (123456.0, "+.2f", "+123456.00"),
    ],
)
def test_what_rounds_to_zero_has_no_minus_sign(value, spec, text):
    assert number_text(value, spec) == text


def test_tables_papers_and_figures_print_no_minus_zero(capsys):
    row = dict.fromkeys(QUANTITIES, -1e-09) | {"x": -1e-9, "x_interval": [-2e-9, -0.0]}
    texts = [
        Column("x", format=quantity.format, interval="x_interval").text(row)
        for quantity in QUANTITIES.values()
        if "f" in quantity.format or "%" in quantity.format
    ]
    texts += [brackets([-1e-9, -0.0], "+.2f"), with_interval(row, "x", ".1%"), signed(-1e-9, 2), signed(-0.0)]
    texts += [paper_number(-0.0, -0.001, 0.001), paper_number(-0.0)]
    texts.append(faithfulness_words({"faithfulness": -1e-9, "faithfulness_interval": [-1e-9, 0.0]}))
    print_rows("title", [{"score": -0.0, "scores": {"a": -0.0}}])
    texts.append(capsys.readouterr().out)
    assert [text for text in texts if MINUS_ZERO.search(text)] == []


def test_the_pattern_of_this_file_finds_minus_zero_and_nothing_else():
    found = ["-0.00", "[-0.0, 0.2]", "-0%", "\u22120.0", "a -0.000, b"]
    others = ["-0.01", "0.00", "-10", "[-0.05, -0.0001]"]
    assert all(map(MINUS_ZERO.search, found))
    assert not any(map(MINUS_ZERO.search, others))


def test_formats_with_a_sign_and_formats_that_are_given_never_print_minus_zero():
    offenders = []
    for package in ("circuits", "graphs", "pipelines"):
        for file in (ROOT / package).rglob("*.py"):
            if file == ROOT / "circuits" / "numbers.py":
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
                    parts = node.format_spec.values
                    is_given = any(isinstance(part, ast.FormattedValue) for part in parts)
                    literal = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
                    match = SPEC.fullmatch(literal)
                    if is_given or (match and literal.startswith("+") and not match[1]):
                        offenders.append(f"{file.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    assert offenders == [], "give such numbers to circuits.numbers.number_text, or write z: {value:+z.2f}"
