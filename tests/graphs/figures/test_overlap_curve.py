"""Overlap at every size: what is drawn, and what is said of what was not measured."""

from dataclasses import replace
from typing import Any

import numpy as np

from graphs.figures.overlap_curve import (
    CEILING,
    SEEN,
    Around,
    OverlapCurves,
    OverlapPoint,
    draw_overlap_curves,
    overlap_curve_bytes,
    panels_of,
)

BANDS = tuple(
    OverlapPoint(fraction, iou, Around(0.2, (0.1, 0.3)), Around(0.8, (0.7, 0.9)))
    for fraction, iou in ((0.01, 0.0), (0.1, 0.5), (1.0, 1.0))
)
BARE = tuple(point._replace(chance=Around(0.2, None), ceiling=None) for point in BANDS)


def curves(*points: Any) -> OverlapCurves:
    titles = [f"pair {number}" for number in range(len(points))]
    return OverlapCurves("edges", panels_of(titles, points), "reference, eap-ig")


def test_shares_are_drawn_to_scale():
    axes = draw_overlap_curves(curves(BANDS)).axes[0]
    (seen,) = (line for line in axes.lines if line.get_color() == SEEN and line.get_marker() == "o")
    x, y = (np.asarray(data, dtype=float) for data in seen.get_data())
    assert np.isclose((y[1] - y[0]) / (y[2] - y[0]), 0.5)
    assert np.isclose((x[1] - x[0]) / (x[2] - x[0]), 0.5)  # .1 is halfway between .01 and 1


def test_few_panels_are_as_wide_as_the_page_has_room():
    for pairs in (1, 2, 3, 4):
        figure = draw_overlap_curves(curves(*[BANDS] * pairs))
        right = max(float(np.max(line.get_xdata())) for line in figure.axes[0].lines if line.get_color() == SEEN)
        assert 0.1 < figure.get_figwidth() - right < 0.5


def test_bands_are_drawn_where_they_were_measured():
    assert len(draw_overlap_curves(curves(BANDS)).axes[0].collections) == 2
    assert not draw_overlap_curves(curves(BARE)).axes[0].collections
    svg = overlap_curve_bytes(curves(BARE), "svg").decode()
    assert "two halves of one task<" not in svg
    # the caption is wrapped
    assert "the band of chance and the ceiling from two halves of one task." in " ".join(
        text.get_text() for text in draw_overlap_curves(curves(BARE)).axes[0].texts
    )
    assert "two halves of one task" in overlap_curve_bytes(curves(BANDS), "svg").decode()
    assert any(line.get_color() == CEILING for line in draw_overlap_curves(curves(BANDS)).axes[0].lines)


def test_the_legend_names_the_null_that_is_drawn():
    for of, name in (
        ("edges", "by chance, as many in each layer and port"),
        ("heads", "by chance, as many in each layer"),
    ):
        axes = draw_overlap_curves(replace(curves(BANDS), of=of)).axes[0]
        assert name in [text.get_text() for text in axes.texts]


def test_a_pair_without_points_has_no_panel_and_the_rest_is_the_same_twice():
    assert [panel.title for panel in curves(BANDS, (), BARE).panels] == ["pair 0", "pair 2"]
    assert overlap_curve_bytes(curves(BANDS), "pdf") == overlap_curve_bytes(curves(BANDS), "pdf")
