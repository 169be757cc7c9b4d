"""Text and numbers for LaTeX and Markdown: escaped, and with intervals in one style."""

from __future__ import annotations

from typing import Any

import pytest

from graphs.export import markdown_text
from graphs.export.latex_text import escape, latex_number, number


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a9.h6", "a9.h6"),
        ("gender_bias 50 % & #1", r"gender\_bias 50 \% \& \#1"),
        ("a0.h1->m0", r"a0.h1-\textgreater{}m0"),
        (r"\input{x} $y^2$ ~", r"\textbackslash{}input\{x\} \$y\textasciicircum{}2\$ \textasciitilde{}"),
        ("a--b", "a-{}-b"),
        ("[.1, .2]*", "{[}.1, .2{]}{*}"),
        ("Zürich → 中\n\tand\x07 ≤ 1", '\\"{u}'.join(["Z", r"rich $\to$ U+4E2D and $\le$ 1"])),
    ],
)
def test_latex_gets_text_escaped(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("numbers", "brackets", "uncertainty"),
    [
        ((0.85, 0.81, 0.89), ".85 [.81, .89]", ".85(4)"),
        ((0.8521, 0.8401, 0.8641), ".852 [.840, .864]", ".852(12)"),
        ((-0.03, -0.05, 0.002), "-.03 [-.05, .00]", "-.03(4)"),
        ((0.0, -0.2, 0.2), ".00 [-.20, .20]", ".00(20)"),
        ((11.034, 8.1, 14.0), "11.0 [8.1, 14.0]", "11.0(30)"),
        ((1.2e-5, 0.9e-5, 1.5e-5), "1.20e-05 [.90e-05, 1.50e-05]", "1.20(30)e-05"),
        ((0.0012, 0.0009, 0.0015), ".0012 [.0009, .0015]", ".0012(3)"),
        ((0.5, 0.5, 0.5), ".50 [.50, .50]", ".50(0)"),
        ((0.5, float("-inf"), float("inf")), ".50", ".50"),
        ((0.0012345, None, None), ".0012", ".0012"),
        ((-0.0, None, None), ".00", ".00"),
        ((1234.5678, None, None), "1235", "1235"),
        ((None, None, None), "", ""),
        ((float("nan"), 0.1, 0.2), "", ""),
    ],
)
def test_a_number_has_the_digits_that_its_interval_allows(numbers: Any, brackets: str, uncertainty: str):
    assert number(*numbers) == brackets
    assert number(*numbers, style="uncertainty") == uncertainty


def test_an_infinite_number_is_refused():
    with pytest.raises(ValueError, match="inf cannot be printed"):
        number(float("inf"))


def test_a_cell_of_latex_has_signs_of_mathematics():
    assert latex_number(-0.03, -0.05, 0.01) == "{$-.03$ [$-.05$, $.01$]}"
    assert latex_number(1.2e-5) == r"{$1.20 \cdot 10^{-5}$}"
    assert latex_number(-0.03, -0.05, -0.01, "uncertainty") == "-.03(2)"
    assert latex_number(None) == ""


def test_markdown_gets_text_escaped():
    assert markdown_text.escape("a|b_c *d* <e> & [f]\n`g`") == r"a\|b\_c \*d\* &lt;e> &amp; \[f\] \`g\`"
