"""The figure of faithfulness over size: falls are marked and named, and the same curves give the same bytes."""

from __future__ import annotations

import re

import pytest

from graphs.figures.size_curve import (
    FALL,
    SizeCurves,
    SizeFall,
    SizePanel,
    SizePoint,
    SizeSeries,
    draw_sizes,
    size_figure_bytes,
)

GROWING = SizeSeries("by magnitude", tuple(SizePoint(n, v, (v - 0.1, v + 0.1)) for n, v in ((1, 0.1), (9, 0.9))))
FALLING = SizeSeries(
    "by signed score",
    tuple(SizePoint(n, v, None) for n, v in ((0, 0.0), (10, 0.97), (40, 0.4), (1234, 1.0))),
    (SizeFall(10, 40, -0.57),),
)


def curves(*series: SizeSeries, circuit: SizePoint | None = None) -> SizeCurves:
    return SizeCurves("ioi: sizes", "model m", (SizePanel("tried", "edges", series, circuit),), 0.85)


def texts(shown: SizeCurves) -> str:
    found = re.findall(r"<text[^>]*>([^<]*)</text>", size_figure_bytes(shown, "svg").decode())
    return " ".join(found)


def test_a_curve_that_is_not_monotone_says_so_and_shows_where():
    said = texts(curves(FALLING, GROWING))
    assert "NOT MONOTONE (tried; by signed score): faithfulness falls by 0.57 from 10 to 40 edges." in said
    assert "\u22120.57" in said
    triangles = [line for line in draw_sizes(curves(FALLING)).axes[0].lines if line.get_marker() == "v"]
    assert {line.get_color() for line in triangles} == {FALL}
    assert len(triangles) == 2  # the size it falls to, and the legend


def test_a_monotone_curve_claims_nothing():
    shown = curves(GROWING, circuit=SizePoint(9, 0.7, (0.5, 0.9)))
    assert "MONOTONE" not in texts(shown)
    assert "the circuit of the run, 9 edges, on the prompts that judge it" in texts(shown)
    assert not [line for line in draw_sizes(shown).axes[0].lines if line.get_color() == FALL]


def test_larger_sizes_and_higher_faithfulness_lie_farther_right_and_up():
    (curve,) = [line for line in draw_sizes(curves(FALLING)).axes[0].lines if len(list(line.get_xdata())) == 4]
    xs, ys = list(curve.get_xdata()), list(curve.get_ydata())
    assert xs == sorted(xs)
    assert sorted(range(4), key=ys.__getitem__) == [0, 2, 1, 3]


def test_sizes_are_labeled_by_powers_of_ten_and_their_ends():
    said = texts(curves(FALLING))
    for label in ("0", "10", "100", "1,000"):
        assert f" {label} " in f" {said} "
    assert "1,234" not in said  # too close to 1,000


def test_the_same_curves_give_the_same_bytes():
    assert size_figure_bytes(curves(FALLING), "svg") == size_figure_bytes(curves(FALLING), "svg")


@pytest.mark.parametrize("n", [0, 5])
def test_more_curves_than_can_be_told_apart_are_refused(n: int):
    with pytest.raises(ValueError, match=f"{n} curves in panel 'tried'"):
        curves(*[GROWING] * n)
