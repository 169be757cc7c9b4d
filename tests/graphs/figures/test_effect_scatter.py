"""Direct against total effect: equal effects on the diagonal, roles by color, names that do not cover each other."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.lines import Line2D

from graphs.figures.effect_scatter import EffectScatter, HeadDot, draw_scatter, scatter_bytes

DOTS = (
    HeadDot("a0.h0", 0.5, (0.4, 0.6), 0.5, (0.4, 0.6), "mover"),
    HeadDot("a1.h0", 0.9, (0.8, 1.0), 0.1, None, "selector"),
    HeadDot("a1.h1", 0.0, None, 0.0, None),
)


def first_point(line: Line2D) -> tuple[float, float]:
    x, y = (np.asarray(values, dtype=float)[0] for values in line.get_data())
    return x, y


def test_dots_stand_where_their_effects_are_and_roles_have_colors():
    (axes,) = draw_scatter(EffectScatter(DOTS, "total", "direct", "t", "s")).axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    places = {tuple(round(float(v), 6) for v in first_point(line)): line.get_color() for line in dots}
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert len(places) == 3 + 3  # and three in the legend: two roles, and none
    assert {"mover", "selector", "no role", "a1.h0", "a0.h0"} <= set(texts)
    origin, (x0, y0), (x1, y1) = (first_point(line) for line in dots[:3])
    assert (x0 - origin[0]) == pytest.approx(y0 - origin[1])
    assert (x1 - origin[0]) == pytest.approx(9 * (y1 - origin[1]))


def test_the_legend_names_dots_without_a_role_where_there_are_some():
    (axes,) = draw_scatter(EffectScatter(DOTS[:2], "total", "direct", "t", "s")).axes
    assert "no role" not in {text.get_text() for text in axes.texts}


def test_a_figure_of_other_parts_says_what_its_dots_are():
    shown = EffectScatter(DOTS, "total", "direct", "t", "s", each="a head or MLP", without="head")
    (axes,) = draw_scatter(shown).axes
    texts = " ".join(text.get_text() for text in axes.texts)
    assert "Each dot is a head or MLP" in texts
    assert "no role" not in texts


def test_the_same_table_gives_the_same_bytes():
    shown = EffectScatter(DOTS, "total", "direct", "t", "s")
    assert scatter_bytes(shown, "svg") == scatter_bytes(shown, "svg")
    assert scatter_bytes(EffectScatter(DOTS[2:], "x", "y", "t", "s"), "pdf")  # all effects 0
