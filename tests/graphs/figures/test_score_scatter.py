"""Scores of two methods: dots are the circuits' parts, at their scores; the ground counts all others."""

from typing import Any

import numpy as np
import pytest

from graphs.figures.fit import Room
from graphs.figures.score_scatter import Correlation, ScoreScatter, draw_score_scatter, score_scatter_bytes

X = np.array([5.0, 0.5, -0.5, 0.0, 0.0])
IN = np.array([True, True, True, False, False])


def scatter(**changes: Any) -> ScoreScatter:
    given: dict[str, Any] = {
        "names": tuple("abcde"),
        "x": X,
        "y": X,
        "in_x": IN,
        "in_y": np.array([True, False, True, False, False]),
        "methods": ("eap, logit difference", "acdc, logit difference"),
        "correlation": Correlation(0.5, (0.4, 0.6), 5),
        "of": "edges",
        "subtitle": "ioi",
    }
    return ScoreScatter(**given | changes)


def test_dots_are_those_in_a_circuit_and_equal_scores_lie_on_the_diagonal():
    axes = draw_score_scatter(scatter()).axes[0]
    lines: list[Any] = [line for line in axes.lines if line.get_marker() == "o" and line.get_zorder() == 3]
    groups = [list(zip(*line.get_data(), strict=True)) for line in lines]
    assert [len(group) for group in groups] == [1, 0, 2]  # only the first, only the second, both
    (x0, y0), (x1, y1) = groups[2]
    assert x0 - x1 == pytest.approx(y0 - y1)
    counts = axes.images[0].get_array()
    assert counts is not None
    assert (np.asarray(counts)[..., 3] > 0).sum() == 1  # both others have no score


def test_the_scale_is_symmetric_about_0_and_its_numbers_do_not_overlap():
    shown = scatter(x=np.array([10.0, -10.0, 1.0, 0.1, 0.0]))
    axes = draw_score_scatter(shown).axes[0]
    numbers = {text.get_text(): text.get_position() for text in axes.texts if text.get_verticalalignment() == "top"}
    left, zero, right = (numbers[text][0] for text in ("\u22121", "0", "1"))
    assert right - zero == pytest.approx(zero - left)


def test_the_legend_says_the_correlation_and_how_many_there_are():
    svg = score_scatter_bytes(scatter(), "svg").decode()
    for text in ("0.50 [0.40, 0.60]", "both circuits: 2", "only eap: 1", "neither: 2"):
        assert f">{text}<" in svg
    assert ">not defined<" in score_scatter_bytes(scatter(correlation=Correlation(None, None, 5)), "svg").decode()
    assert score_scatter_bytes(scatter(), "pdf") == score_scatter_bytes(scatter(), "pdf")


def test_a_narrow_room_has_its_legend_below():
    wide, narrow = (draw_score_scatter(scatter(), Room(width, 60)).get_size_inches() for width in (5.6, 3.4))
    assert narrow[0] <= 3.4
    assert wide[1] / wide[0] < narrow[1] / narrow[0]
