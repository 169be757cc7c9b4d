"""Curves of causal tracing over depth: each with its interval, told apart without color, gaps left open."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from graphs.figures.trace_depth import depth_figure_bytes, draw_depth
from graphs.recovery_table import TraceTable
from tests.graphs.figures.test_trace_heatmap import (
    CATEGORIES,
    LONG,
    ROLES,
    SUBTITLE,
    assert_texts_are_whole_and_apart,
    one_kind,
    table,
)


def texts(trace: TraceTable, by="kind") -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", depth_figure_bytes(trace, "svg", by=by).decode())


def curves(trace: TraceTable, by="kind") -> list[Line2D]:
    """The lines with markers that have more than one point: those of the legend have one."""
    lines = draw_depth(trace, by=by).axes[0].lines
    return [line for line in lines if line.get_marker() not in ("None", "") and len(np.asarray(line.get_xdata())) > 1]


def bands(trace: TraceTable) -> list[np.ndarray]:
    """Corners [corner, xy] of each band."""
    return [np.asarray(part.get_xy()) for part in draw_depth(trace).axes[0].patches if isinstance(part, Polygon)]


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
@pytest.mark.parametrize("by", ["kind", "position"])
def test_the_file_is_of_the_kind_asked_for(kind, start, by):
    assert depth_figure_bytes(table(2, ROLES), kind, by=by).startswith(start)


def test_a_panel_is_for_a_kind_or_for_a_position():
    trace = table(4, CATEGORIES)
    by_kind, by_position = curves(trace), curves(trace, "position")
    assert len(by_kind) == len(by_position) == 3 * 7
    assert len({line.get_color() for line in by_kind}) == 7
    assert len({line.get_color() for line in by_position}) == 3


def test_both_views_name_kinds_and_positions():
    named = {"hidden state", "attention output", "MLP output", "subject", "attribute", "last token"}
    for by in ("kind", "position"):
        assert named | {"a run", "model llava", "recovery rate", "layer"} <= set(texts(table(2, ROLES), by))


def test_curves_are_told_apart_without_color():
    looks = [(line.get_marker(), line.get_linestyle()) for line in curves(table(4, CATEGORIES, kinds=("mlp",)))]
    assert len(set(looks)) == len(CATEGORIES)


def test_a_band_reaches_from_the_low_to_the_high_end():
    # At 0, 0.5 and 1 the curve's height is known to scale: bands of 0.25 are a quarter of it, up and down.
    trace = one_kind([[0.0], [0.5], [1.0]], margin=0.25)
    (band,), (curve,) = bands(trace), curves(trace)
    heights = np.asarray(curve.get_ydata())
    scale = heights[2] - heights[0]
    assert band[:3, 1] == pytest.approx(heights - 0.25 * scale)
    assert band[3:6, 1][::-1] == pytest.approx(heights + 0.25 * scale)


def test_layers_that_were_not_measured_leave_a_gap_and_one_alone_has_a_bar():
    trace = one_kind([[0.1], [0.2], [np.nan], [0.4]])
    lines = [line for line in draw_depth(trace).axes[0].lines if line.get_color() == "#0072B2"]
    lengths = sorted(len(np.asarray(line.get_xdata())) for line in lines)
    # The pair and the legend's line; the bar of the lone layer; its marker and the legend's.
    assert lengths == [1, 1, 2, 2, 2]
    assert len(bands(trace)) == 1
    assert "Gaps: not measured." in " ".join(texts(trace))


def test_layers_whose_interval_is_unbounded_have_no_band_and_the_caption_says_so():
    bounded = one_kind([[0.1], [0.2], [0.3], [0.4]])
    reach = np.array([[np.inf], [0], [0], [np.inf]])
    trace = replace(bounded, low={"mlp": bounded.low["mlp"] - reach}, high={"mlp": bounded.high["mlp"] + reach})
    (band,), (curve,), (whole,) = bands(trace), curves(trace), bands(bounded)
    assert len(np.asarray(curve.get_xdata())) == 4
    assert len(band) < len(whole)
    assert "Bands: 95 % t intervals. Without a band: unbounded." in " ".join(texts(trace))
    assert "unbounded" not in " ".join(texts(bounded))
    nothing = replace(trace, low={"mlp": np.full((4, 1), -np.inf)}, high={"mlp": np.full((4, 1), np.inf)})
    assert bands(nothing) == []
    assert len(curves(nothing)) == 1


def test_layers_are_labeled_as_far_as_the_panel_has_them():
    said = texts(table(6, ROLES))
    assert said.count("6") == 1  # the final hidden state; there is no layer 6
    assert said.count("5") == 3


def test_the_line_at_zero_stands_out():
    lines = draw_depth(one_kind([[-0.5], [0.5]])).axes[0].lines
    (zero,) = [line for line in lines if line.get_color() == "#5a5a5a"]
    (curve,) = curves(one_kind([[-0.5], [0.5]]))
    assert np.asarray(zero.get_ydata())[0] == pytest.approx(np.mean(np.asarray(curve.get_ydata())))


def test_a_table_with_nothing_measured_is_drawn():
    assert {"0.0", "1.0"} <= set(texts(one_kind([[np.nan]])))


@pytest.mark.parametrize("by", ["kind", "position"])
@pytest.mark.parametrize(
    "trace",
    [
        table(6, CATEGORIES),
        table(32, CATEGORIES),
        table(12, ROLES, labels=LONG, title="a long name " * 20, subtitle=SUBTITLE, notes=("x" * 300, "n " * 200)),
        table(1, ("END",)),
        table(1, ("END",), kinds=("mlp",), title="W" * 100),
        table(12, tuple(f"h{n}" for n in range(12)), kinds=("head",)),
        one_kind([[-123.4, 0.1], [9.999, -9.999]]),
        one_kind([[0.0], [1e-4]], margin=0),
    ],
    ids=["6x7", "32x7", "long-names", "one-position", "one-kind", "heads", "large-rates", "small-rates"],
)
def test_no_text_is_clipped_or_touches_another_and_the_page_fits_on_paper(trace: TraceTable, by):
    figure = draw_depth(trace, by=by)
    assert figure.get_figwidth() <= 7.5
    assert_texts_are_whole_and_apart(figure)


def test_more_curves_than_can_be_told_apart_are_refused():
    trace = table(2, tuple(f"h{n}" for n in range(65)), kinds=("head",))
    with pytest.raises(ValueError, match="65 curves in a panel; at most 64"):
        draw_depth(trace)


def test_unknown_panels_are_refused():
    with pytest.raises(ValueError, match=r"no panels by 'layer'\. Known: kind, position"):
        draw_depth(table(2, ROLES), by="layer")
