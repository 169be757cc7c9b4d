"""Heat maps of causal tracing: numbers and marks where they belong, no text in the way, the same bytes every time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure

from graphs.figures.page import UNMEASURED, color_limit, recovery_colors, rgb, signed, wrapped
from graphs.figures.trace_heatmap import draw_trace, trace_figure_bytes
from graphs.recovery_table import TraceTable

CATEGORIES = ("system", "object-visual", "background-visual", "question", "object-text", "relation", "END")
ROLES = ("subject", "attribute", "END")
LONG = {
    "subject": "all tokens of the noun phrase that is named first",
    "END": "the last token, at which the answer is read, " + "x" * 60,
}
SUBTITLE = "model llava · task object-presence · corruption noise · metric probability · 64 prompts · " * 3
DRAW = """
import sys
from hashlib import sha256
from graphs.figures.trace_depth import depth_figure_bytes
from graphs.figures.trace_patches import patch_figure_bytes
from graphs.figures.trace_heatmap import trace_figure_bytes
from tests.graphs.figures.test_trace_heatmap import ROLES, table
from tests.graphs.figures.test_trace_patches import maps
for kind in ("pdf", "svg"):
    drawings = trace_figure_bytes(table(3, ROLES), kind), depth_figure_bytes(table(3, ROLES), kind)
    for data in (*drawings, patch_figure_bytes(maps(), kind)):
        sys.stdout.write(sha256(data).hexdigest() + " ")
"""


def table(
    n_layers: int, positions: tuple[str, ...], *, kinds=("residual", "attention", "mlp"), **about: Any
) -> TraceTable:
    """Random recovery rates between -0.2 and 1.05 with intervals of random width."""
    generator = np.random.default_rng(0)
    values, low, high = {}, {}, {}
    for kind in kinds:
        rates = generator.uniform(-0.2, 1.05, (n_layers + (kind == "residual"), len(positions)))
        width = generator.uniform(0.05, 0.2, rates.shape)
        values[kind], low[kind], high[kind] = rates, rates - width, rates + width
    known = {"labels": {"END": "last token"}, "title": "a run", "subtitle": "model llava"}
    return TraceTable(values, low, high, positions, **{**known, **about})


def one_kind(values: list[list[float]], *, margin: float = 0.05) -> TraceTable:
    """MLPs alone, with the same interval around every value."""
    rates = np.array(values)
    positions = tuple(f"position {n}" for n in range(rates.shape[1]))
    return TraceTable({"mlp": rates}, {"mlp": rates - margin}, {"mlp": rates + margin}, positions, {}, "a run")


def texts(trace: TraceTable) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", trace_figure_bytes(trace, "svg").decode())


def cell_colors(trace: TraceTable) -> np.ndarray:
    """[layer * position, rgba], layer by layer."""
    (cells,) = [part for part in draw_trace(trace).axes[0].collections if isinstance(part, PatchCollection)]
    return np.asarray(cells.get_facecolor())


def dots(trace: TraceTable) -> int:
    return sum(line.get_marker() == "o" for line in draw_trace(trace).axes[0].lines)


def assert_texts_are_whole_and_apart(figure: Figure) -> None:
    """No text leaves the page or touches another."""
    figure.canvas.draw()
    (axes,) = figure.axes
    shown = [(text.get_text(), text.get_window_extent()) for text in axes.texts if text.get_text()]
    for number, (text, box) in enumerate(shown):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.width, text
        assert box.y1 <= figure.bbox.height, text
        touched = [other for other, its_box in shown[number + 1 :] if box.overlaps(its_box)]
        assert not touched, (text, touched)


def test_all_figures_of_tracing_are_byte_identical_from_run_to_run(printed_here_and_elsewhere):
    here, elsewhere = printed_here_and_elsewhere(DRAW)
    assert here == elsewhere
    assert len(set(here.split())) == 6


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_file_is_of_the_kind_asked_for(kind, start):
    assert trace_figure_bytes(table(2, ROLES), kind).startswith(start)


def test_panels_are_in_the_order_of_a_layer_whatever_the_order_of_the_table():
    trace = table(2, ROLES, kinds=("mlp", "residual", "attention"))
    names = [text for text in texts(trace) if text in ("hidden state", "attention output", "MLP output")]
    assert names == ["hidden state", "attention output", "MLP output"]


def test_the_first_position_is_on_top_and_goes_by_its_label():
    figure = draw_trace(table(2, ROLES))
    heights = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    assert heights["subject"] > heights["attribute"] > heights["last token"]
    assert "END" not in heights


def test_the_figure_says_what_it_shows_and_where_that_came_from():
    trace = table(2, ROLES, title="run 7", subtitle="model llava · task vqa", notes=("3 of 64 prompts left out.",))
    said = texts(trace)
    assert {"run 7", "model llava · task vqa", "3 of 64 prompts left out.", "recovery rate"} <= set(said)
    assert "Hidden state n enters layer n; the last is the final one." in " ".join(said)


def test_cells_that_are_large_enough_hold_their_number():
    assert {"0.42", "−0.15", "0.00"} <= set(texts(one_kind([[0.42, -0.15], [-0.001, 1.0]])))


def test_cells_that_are_too_small_hold_no_number_and_every_fourth_layer_is_labeled():
    said = texts(table(32, CATEGORIES))
    assert not [text for text in said if re.fullmatch(r"−?\d\.\d\d", text)]
    layers = [int(text) for text in said if re.fullmatch(r"\d+", text) and int(text) > 1]
    assert set(layers) == set(range(4, 33, 4))


def test_cells_of_middling_size_hold_numbers_that_read_upwards():
    figure = draw_trace(table(12, ROLES))
    numbers = [text for text in figure.axes[0].texts if re.fullmatch(r"−?\d\.\d\d", text.get_text())]
    assert len(numbers) == 3 * (13 + 12 + 12)
    assert {text.get_rotation() for text in numbers} == {90}


def test_cells_whose_interval_includes_zero_are_marked_and_the_caption_says_so():
    with_zero, without = one_kind([[0.04, 0.5], [-0.05, -0.2]]), one_kind([[0.3, 0.5], [-0.3, -0.2]])
    assert (dots(with_zero), dots(without)) == (2, 0)
    assert "its 95 % t interval includes 0" in " ".join(texts(with_zero))
    assert "interval" not in " ".join(texts(without))


def test_what_was_not_measured_is_gray_with_a_dash_and_the_caption_says_so():
    partial = one_kind([[0.4, np.nan]])
    (dash,) = [line for line in draw_trace(partial).axes[0].lines if line.get_color() == "#7a7a7a"]
    assert np.ptp(np.asarray(dash.get_xdata())) > 0
    assert cell_colors(partial)[1][:3] == pytest.approx(rgb(UNMEASURED))
    assert "Gray with a dash: not measured." in " ".join(texts(partial))
    assert "not measured" not in " ".join(texts(one_kind([[0.4, 0.3]])))


def test_a_table_with_nothing_measured_is_drawn():
    assert {"−1", "1"} <= set(texts(one_kind([[np.nan, np.nan]])))


def test_recovery_and_its_negative_have_colors_on_two_sides_of_white():
    loss, none, gain = recovery_colors(np.array([-0.8, 0.0, 0.8]), 1.0)
    assert loss[2] > none[2] - 0.3 > gain[2]
    assert gain[0] > none[0] - 0.3 > loss[0]
    assert np.ptp(none) == 0


@pytest.mark.parametrize(
    ("largest", "limit"),
    [(0.95, 1), (0.5, 1), (0.3, 0.3), (0.16, 0.2), (1.07, 1.2), (0.1 + 0.2, 0.3), (0, 1), (37, 40)],
)
def test_colors_end_at_a_round_number_at_or_above_the_largest_rate(largest: float, limit: float):
    assert color_limit([np.array([0.01, -largest, np.nan]) * (largest > 0)]) == pytest.approx(limit)


def test_the_limits_of_the_colors_are_stated():
    said = texts(one_kind([[-0.16, 0.02]]))
    assert "Colors end at −0.2 and 0.2; the largest |RR| is 0.16." in " ".join(said)
    assert {"−0.2", "−0.1", "0", "0.1", "0.2"} <= set(said)


def test_dollars_are_not_read_as_mathematics():
    trace = replace(one_kind([[0.5, 0.6]]), title="$5_a$", subtitle="task $x^2$", labels={"position 0": "$_1$"})
    assert {"$5_a$", "task $x^2$", "$_1$"} <= set(texts(trace))


@pytest.mark.parametrize(
    "trace",
    [
        table(6, CATEGORIES),
        table(32, CATEGORIES),
        table(80, CATEGORIES),
        table(12, ROLES, labels=LONG, title="a long name " * 20, subtitle=SUBTITLE, notes=("x" * 300, "n " * 200)),
        table(1, ("END",)),
        table(1, ("END",), kinds=("mlp",), title="W" * 100),
        table(12, tuple(f"h{n}" for n in range(32)), kinds=("head",)),
        replace(one_kind([[-123.4, 0.1], [9.999, -9.999]]), labels={"position 1": "W" * 50}),
    ],
    ids=["6x7", "32x7", "80x7", "long-names", "one-position", "one-kind", "heads", "large-rates"],
)
def test_no_text_is_clipped_or_touches_another_and_the_page_fits_on_paper(trace: TraceTable):
    figure = draw_trace(trace)
    assert figure.get_figwidth() <= 7.5
    assert_texts_are_whole_and_apart(figure)


def test_lines_break_at_spaces_and_inside_words_longer_than_a_line():
    assert wrapped("one two", 9) == ["one two"]
    assert wrapped("", 9) == []
    lines = wrapped("aa " + "b" * 100, 1.0)
    assert lines[0] == "aa"
    assert "".join(lines[1:]) == "b" * 100
    assert wrapped("direct-logit-attribution, END", 1.2) == ["direct-logit-", "attribution, END"]


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert [signed(value, 2) for value in (-0.25, -0.001, 1)] == ["−0.25", "0.00", "1.00"]
    assert [signed(value) for value in (-0.5, -0.0, 1.0)] == ["−0.5", "0", "1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": ("a",)}, r"values of mlp \[layer, position\] are 3 x 2: .* each of 1 positions"),
        ({"positions": ()}, "at least one kind of component and one position"),
        ({"positions": ("a", "a")}, "positions a, a: each needs a name of its own"),
        ({"low": {"mlp": np.zeros((2, 2))}}, "mlp: values are 3 x 2, low 2 x 2, high 3 x 2"),
        ({"low": {}}, "need the same kinds, and have: mlp; none; mlp"),
        ({"low": {"mlp": np.full((3, 2), 2.0)}}, "swap low and high"),
        ({"high": {"mlp": np.full((3, 2), np.nan)}}, "must be NaN together"),
        ({"values": {"mlp": np.full((3, 2), np.inf)}}, "infinite recovery rates"),
        ({"values": {"mpl": np.zeros((3, 2))}}, "no kind of component 'mpl'. Known: residual, attention, mlp, head"),
        ({"values": {"mlp": np.zeros(3)}}, r"are 3: give a row for each layer"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(change: dict[str, Any], message: str):
    trace = one_kind([[0.1, 0.2]] * 3)
    with pytest.raises(ValueError, match=message):
        replace(trace, **change)


def test_hidden_states_are_one_more_than_layers():
    trace = table(3, ROLES)
    short = {name: {**ends, "residual": ends["residual"][:-1]} for name, ends in ends_of(trace).items()}
    with pytest.raises(ValueError, match=r"residual 3, attention 3, mlp 3; .* one more \(the last\) for residual"):
        replace(trace, **short)


def test_heads_stand_in_a_table_of_their_own():
    with pytest.raises(ValueError, match="give heads their own table"):
        table(3, ROLES, kinds=("mlp", "head"))


def ends_of(trace: TraceTable) -> dict[str, Any]:
    return {"values": trace.values, "low": trace.low, "high": trace.high}


def test_drawing_does_not_depend_on_the_users_settings_of_matplotlib_and_leaves_them():
    import matplotlib

    expected = trace_figure_bytes(table(2, ROLES), "svg")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red", "image.cmap": "jet"}):
        before = dict(matplotlib.rcParams)
        assert trace_figure_bytes(table(2, ROLES), "svg") == expected
        assert dict(matplotlib.rcParams) == before
