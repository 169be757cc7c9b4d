"""The figure of edits shows every set of heads, its interval and what other heads give, to scale."""

import re

from graphs.figures.edit_bars import EditBar, EditBars, edit_figure_bytes

PLAIN = EditBar("none", 0.5, (0.4, 0.6), None, None, None, None)
MENDED = EditBar("a2.h1, a3.h0", 0.9, (0.8, 0.95), 1.5, (1.2, 1.8), (0.3, 0.6), (-0.5, 0.25), is_chosen=True)


def svg(*bars: EditBar) -> str:
    return edit_figure_bytes(EditBars(bars, "ioi: uniform END", "reference, 64 prompts", 0.5, "metric"), "svg").decode()


def test_it_names_the_heads_and_what_the_marks_mean():
    drawn = svg(PLAIN, MENDED)
    for text in ("none", "a2.h1, a3.h0", "accuracy", "change of the metric", "ioi: uniform END", "−0.50", "1.80"):
        assert f">{text}<" in drawn
    assert "Gray:" in drawn
    assert "Gray" not in svg(PLAIN)
    assert "Vermilion" not in svg(PLAIN)


def test_values_lie_to_scale():
    """Dots of accuracies 0.5 and 0.9 and 1: the distances are as 4 to 1."""
    full = EditBar("a0.h0", 1.0, (0.9, 1.0), 0.0, (-0.1, 0.1), None, None)
    dots = re.findall(r'<use [^>]*x="([\d.]+)"', svg(PLAIN, MENDED, full))
    plain, mended, _, perfect, _ = map(float, dots)
    assert round((mended - plain) / (perfect - mended), 3) == 4


def test_the_same_table_gives_the_same_bytes_and_one_bar_is_enough():
    assert svg(PLAIN) == svg(PLAIN)
    table = EditBars((PLAIN, MENDED), "t", "s", 0.5, "m")
    assert edit_figure_bytes(table, "pdf") == edit_figure_bytes(table, "pdf")
