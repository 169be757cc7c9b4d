"""Tables for papers: what is bold, what is a bound, what stands below, and (slow) that a page holds them."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from circuits.quantities import QUANTITIES
from pipelines.reporting.p_values import Draws
from pipelines.reporting.paper import CSV, LATEX, MARKDOWN, PaperTable
from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.layout import lay_out
from pipelines.reporting.paper.page import blocks_of, parts_of, text_limit
from pipelines.reporting.paper.table import best_rows
from pipelines.reporting.tables import Column, Row, measured
from tests.pipelines.paper_checks import check_table, require_fitting, set_by_pdflatex

ODD = r"50 % of {a_b} & $x^2$ #1 ~ \input{nothing} [é→中] *"
FAITHFULNESS = measured("faithfulness", interval="ends")
STABILITY = measured("stability", interval="ends")
RANDOM_P = measured("random_p", draws=Draws("n", "random circuits", "--random"))


def row(name: str, value: float | None, low: float = 0.0, high: float = 0.0, **more: Any) -> Row:
    ends = None if value is None else (low, high)
    return {"name": name, "faithfulness": value, "stability": value, "ends": ends, **more}


def table(rows: list[Row], columns: list[Column], **more: Any) -> PaperTable:
    return PaperTable(title=f"Table of {ODD}", label=[Column("name")], columns=columns, rows=rows, **more)


def wide(n_columns: int, n_rows: int) -> PaperTable:
    """A matrix of tasks with long names."""
    columns = [Column(f"task_{n}-of-a-long-name", f"v{n}", "z.2f", "ends", is_name=True) for n in range(n_columns)]
    values = {f"v{n}": -0.123 for n in range(n_columns)}
    return table([row(f"circuit-{n} ({ODD})", 0.5, -0.25, 1.25, **values) for n in range(n_rows)], columns)


def samples() -> list[PaperTable]:
    judged = [row("a", 0.8, 0.7, 0.9, random_p=1 / 21, n=20, n_prompts=8, ablation="corrupt")]
    judged += [row("b", None, random_p=1e-7, n=None, n_prompts=16, ablation="zero", solved={"kept": 9, "drawn": 10})]
    conditions = [ablation(), prompts()]
    texts = [{"name": "a", "said": "word " * 60, "of": "under_score." * 20}, {"name": "b", "said": ODD, "of": "c/d"}]
    return [
        table(judged, [FAITHFULNESS, RANDOM_P], conditions=conditions, intervals="95 % intervals", notes=[ODD]),
        table(texts, [Column("said"), Column("of")]),
        table([row("a", 1e-9, 0, 1e-8), row("b", -3e7, -4e7, 1)], [Column("faithfulness", interval="ends")]),
        wide(12, 4),
        wide(3, 150),
        table([row(f"{n}", n / 99, 0, 1) for n in range(99)], [FAITHFULNESS], most=10, order="the first"),
    ]


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: ", ".join(column.name for column in sample.columns))
def test_every_format_has_a_cell_for_every_column_of_every_row(sample: PaperTable):
    check_table(sample)


def test_a_value_is_bold_only_where_its_interval_overlaps_no_other():
    apart = [row("a", 0.9, 0.85, 0.95), row("b", 0.5, 0.4, 0.6)]
    assert best_rows(table(apart, [STABILITY]), STABILITY) == {0}
    overlapping = [*apart, row("c", 0.8, 0.7, 0.86)]
    assert best_rows(table(overlapping, [STABILITY]), STABILITY) == set()
    assert best_rows(table([*apart, row("c", 0.2)], [STABILITY]), STABILITY) == {0}
    unbounded = [*apart, row("c", 0.2) | {"ends": (None, None)}]
    assert best_rows(table(unbounded, [STABILITY]), STABILITY) == set()
    # Faithfulness is best nearest to 1, so 1.3 is worse than 0.9.
    beyond = [row("a", 0.9, 0.85, 0.95), row("b", 1.3, 1.2, 1.4)]
    assert best_rows(table(beyond, [FAITHFULNESS]), FAITHFULNESS) == {0}
    assert r"\bfseries .90" in LATEX.write(table(beyond, [FAITHFULNESS]), "brackets", None)
    assert "**.90 [.85, .95]**" in MARKDOWN.write(table(beyond, [FAITHFULNESS]), "brackets", None)
    assert "**" not in MARKDOWN.write(table(beyond, [FAITHFULNESS], has_best=False), "brackets", None).split("\n", 1)[1]


def test_rows_of_different_ablations_are_not_ranked_and_a_column_says_so():
    rows = [row("a", 0.9, 0.85, 0.95, ablation="corrupt"), row("b", 0.5, 0.4, 0.6, ablation="zero")]
    mixed = table(rows, [FAITHFULNESS], conditions=[ablation()])
    assert [column.heading for column in mixed.shown] == ["name", "ablation", "faithfulness"]
    assert best_rows(mixed, FAITHFULNESS) == set()
    text = MARKDOWN.write(mixed, "brackets", None)
    assert "| corrupt<sup>a</sup> |" in text
    assert "<sup>b</sup>Zero: " in text
    alike = table([one | {"ablation": "zero"} for one in rows], [FAITHFULNESS], conditions=[ablation()])
    assert [column.heading for column in alike.shown] == ["name", "faithfulness"]
    assert best_rows(alike, FAITHFULNESS) == {0}
    assert "Ablation: zero (zero: " in MARKDOWN.write(alike, "brackets", None)


def test_a_p_value_at_its_floor_is_a_bound_and_what_lowers_it_is_said():
    rows = [row("a", 1, random_p=1 / 21, n=20), row("b", 1, random_p=2 / 21, n=20)]
    text = MARKDOWN.write(table(rows, [RANDOM_P]), "brackets", None)
    assert "<= .048 |" in text
    assert "| .095 |" in text
    assert "draw more (" in text
    assert r"\le .048" in LATEX.write(table(rows, [RANDOM_P]), "brackets", None)
    assert CSV.write(table(rows, [RANDOM_P]), "brackets", None).splitlines()[1:] == [
        "a,0.047619047619047616,True",
        "b,0.09523809523809523,False",
    ]
    # Nor is anything said of rows that are not shown.
    cut = table([rows[1], rows[0]], [RANDOM_P], most=1, order="the first")
    assert "draw more" not in MARKDOWN.write(cut, "brackets", None)
    # What is exact is no bound, however small.
    exact = [row("a", 1, random_p=1e-9, n=None)]
    assert "<=" not in MARKDOWN.write(table(exact, [RANDOM_P]), "brackets", None)


def test_a_corrected_p_value_is_a_bound_where_the_one_that_was_corrected_is():
    corrected = measured("p_value_corrected", draws=Draws("n", "samples", None, raw="p_value"))
    rows = [{"name": "a", "p_value": 0.005, "p_value_corrected": 0.015, "n": 199}]
    rows += [{"name": "b", "p_value": 0.01, "p_value_corrected": 0.02, "n": 199}]
    assert [cell.is_bound for _, cell in lay_out(table(rows, [corrected])).lines] == [True, False]
    assert [corrected.text(one) for one in rows] == ["<= .015", ".020"]


def test_shares_have_three_decimals_at_most_and_p_values_what_they_take():
    rows = [row("a", 3e-5, -2e-4, 3e-4, random_p=3e-5, n=None)]
    (line,) = lay_out(table(rows, [FAITHFULNESS, RANDOM_P])).lines
    assert [cell.plain for cell in line[1:]] == [".000 [.000, .000]", "3.00e-05"]


def test_what_is_too_wide_stands_in_parts_that_repeat_the_names_and_lose_no_column():
    layout = lay_out(wide(12, 4))
    parts = parts_of(layout, text_limit(layout))
    assert len(parts) > 1
    assert all(part[0] == 0 for part in parts)
    assert [column for part in parts for column in part[1:]] == list(range(1, 13))
    narrow = lay_out(wide(2, 4))
    assert len(parts_of(narrow, text_limit(narrow))) == 1


def test_what_is_too_long_goes_on_in_another_table_and_loses_no_line():
    layout = lay_out(wide(3, 150))
    blocks = blocks_of(layout, text_limit(layout), 1)
    assert [line for block in blocks for line in layout.lines[block]] == list(layout.lines)
    assert len(blocks) > 1
    text = LATEX.write(wide(3, 150), "brackets", None)
    assert text.count(r"\begin{table}") == len(blocks)
    assert text.count(r"\begin{minipage}") <= 1


def test_a_column_of_whole_numbers_shows_its_zeros():
    rows = [row("a", 0.5, n_edges=0), row("b", 0.5, n_edges=3)]
    specification = LATEX.write(table(rows, [FAITHFULNESS, measured("n_edges")]), "brackets", None)
    assert "S[table-format=1, print-zero-integer=true]" in specification
    assert specification.count("print-zero-integer=true") == 1


def test_tables_cut_short_say_so_and_csv_has_every_row():
    cut = table([row(f"{n}", n / 99, 0, 1) for n in range(99)], [FAITHFULNESS], most=10, order="the least faithful")
    assert "Shown are the first 10 of 99, the least faithful; CSV has all." in MARKDOWN.write(cut, "brackets", None)
    assert len(CSV.write(cut, "brackets", None).splitlines()) == 100


def test_no_two_quantities_are_called_alike():
    headings = [quantity.shown for quantity in QUANTITIES.values()]
    assert not {heading for heading in headings if headings.count(heading) > 1}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_every_sample_within_the_page(tmp_path):
    require_fitting(set_by_pdflatex(samples(), tmp_path))
