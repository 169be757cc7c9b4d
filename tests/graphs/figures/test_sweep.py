"""The figure of a study: to scale, with its bars and its source, and the same bytes every time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphs.figures.sweep import OF_PROMPTS, OF_TRIALS, StudyCurve, StudyPoint, study_figure_bytes, value_label

STUDY = """
from graphs.figures.sweep import StudyCurve, StudyPoint
points = tuple(StudyPoint(value, 0.8, (0.7, 0.9), (0.75, 0.05, 10), 250) for value in (25, 50, 100, 400))
curve = StudyCurve("features", points, "ioi", "wang", "gpt2", "head-coding", "logit-difference", "corrupt")
"""
DRAW = (
    STUDY
    + """
import sys
from hashlib import sha256
from graphs.figures.sweep import study_figure_bytes
for kind in ("pdf", "svg"):
    sys.stdout.write(sha256(study_figure_bytes(curve, kind)).hexdigest() + " ")
"""
)


def curve_of(*values: Any, **about: Any) -> StudyCurve:
    """A study of some values, all with the same numbers."""
    known = {"task": "ioi", "truth": "wang", "model": "gpt2", "method": "eap", "metric": "logit-difference"}
    points = tuple(StudyPoint(value, 0.8, (0.7, 0.9), None, 16) for value in values)
    return StudyCurve(**{"key": "steps", "points": points, "ablation": "corrupt", **known, **about})


def svg_of(curve: StudyCurve) -> str:
    return study_figure_bytes(curve, "svg").decode()


def texts(curve: StudyCurve) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg_of(curve))


def horizontal_positions(curve: StudyCurve) -> list[float]:
    """The horizontal position of each point on the page, in the order of the values."""
    from graphs.figures.sweep import draw_study

    dots = [line for line in draw_study(curve).axes[0].lines if line.get_marker() == "o"]
    # The first dot is the legend's.
    return [float(np.asarray(line.get_xdata())[0]) for line in dots[1:]]


def test_figures_are_byte_identical_from_run_to_run(printed_here_and_elsewhere):
    here, elsewhere = printed_here_and_elsewhere(DRAW)
    assert here == elsewhere
    assert len(set(here.split())) == 2


def test_numbers_over_a_factor_of_ten_are_on_a_logarithmic_axis():
    first, second, third = horizontal_positions(curve_of(1, 10, 100))
    assert second - first == pytest.approx(third - second)


def test_numbers_close_together_are_on_a_linear_axis():
    first, second, third = horizontal_positions(curve_of(10, 20, 100))
    assert third - first == pytest.approx(9 * (second - first))


def test_numbers_that_a_logarithm_does_not_take_are_on_a_linear_axis():
    first, second, third = horizontal_positions(curve_of(0, 10, 100))
    assert third - first == pytest.approx(10 * (second - first))


def test_names_stand_side_by_side_in_the_order_given():
    first, second, third = horizontal_positions(curve_of("random", "eap", "acdc"))
    assert second - first == pytest.approx(third - second)
    assert second > first


def test_points_joined_by_a_line_are_numbers_only():
    def n_lines(curve: StudyCurve) -> int:
        from graphs.figures.sweep import draw_study

        lines = draw_study(curve).axes[0].lines
        return sum(len(np.asarray(line.get_xdata())) == len(curve.points) for line in lines)

    assert n_lines(curve_of(1, 2, 3)) == 1
    assert n_lines(curve_of("a", "b", "c")) == 0


def test_labels_that_would_touch_are_left_out():
    labels = texts(curve_of(100, 101, 200))
    assert {"100", "200"} <= set(labels)
    assert "101" not in labels


def test_the_figure_says_where_it_comes_from_and_what_chance_is():
    labels = texts(curve_of(1, 2))
    assert "ioi: ranking of known heads, steps varied" in labels
    assert "model gpt2 · method eap · metric logit-difference" in labels
    assert "chance" in labels
    assert "16 prompts. Known circuit: wang." in " ".join(labels)


def test_what_was_varied_is_not_said_to_be_the_same():
    points = tuple(StudyPoint(n, 0.8, None, None, n) for n in (16, 64))
    labels = " ".join(texts(curve_of(key="prompts", points=points, method=None, ablation="noise(size=3)")))
    assert "16 to 64 prompts" in labels
    assert "model gpt2 · metric logit-difference · ablation noise" in labels


def test_trials_are_told_apart_from_intervals_over_prompts():
    without = curve_of("eap")
    with_trials = replace(without, points=(*without.points, StudyPoint("head-coding", 0.9, None, (0.85, 0.02, 10), 16)))
    assert OF_TRIALS.lower() not in svg_of(without)
    assert OF_PROMPTS.lower() in svg_of(with_trials)
    assert "ranked by the scores of one trial: mean and SD of 10 trials" in texts(with_trials)


def test_a_value_at_which_nothing_could_be_ranked_is_named():
    curve = curve_of(1, 2)
    missing = replace(curve, points=(curve.points[0], StudyPoint(2, None, None, None, 16)))
    assert len(horizontal_positions(missing)) == 1
    assert "Nothing to rank at 2." in texts(missing)


def test_a_task_named_with_dollars_is_not_read_as_mathematics():
    assert "costs $5_: ranking of known heads, steps varied" in texts(curve_of(1, task="costs $5_"))


def test_a_study_without_values_is_refused():
    with pytest.raises(ValueError, match="the study of steps has no points"):
        curve_of()


@pytest.mark.parametrize(
    ("value", "label"),
    [(200, "200"), (1e-3, "0.001"), (None, "none"), (True, "yes"), (["head", "mlp"], "head, mlp"), ("eap", "eap")],
)
def test_values_are_labeled_as_one_would_write_them(value: Any, label: str):
    assert value_label(value) == label


def test_drawing_does_not_depend_on_the_users_settings_of_matplotlib_and_leaves_them():
    import matplotlib

    expected = svg_of(curve_of(1, 2))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red", "xtick.top": True}):
        before = dict(matplotlib.rcParams)
        assert svg_of(curve_of(1, 2)) == expected
        assert dict(matplotlib.rcParams) == before
