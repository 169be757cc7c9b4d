"""Mantel's test: by hand for three tasks, against brute force, and uniform where there is nothing."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from graphs.comparison.mantel import correlations, mantel

OFF = ~np.eye(4, dtype=bool)


def test_of_three_tasks_it_is_worked_out_by_hand():
    # Pairs ab, ac, bc of both: 3, 2, 1. Of the six relabelings only the identity keeps the order.
    near = np.array([[0, 3, 2], [3, 0, 1], [2, 1, 0]], dtype=float)
    assert mantel(near, near) == (pytest.approx(1), pytest.approx(1 / 6), 6, True)
    # Against itself reversed, every relabeling does at least as well.
    assert mantel(near, -near) == (pytest.approx(-1), 1, 6, True)


def test_correlation_and_p_are_those_of_every_relabeling():
    draw = np.random.default_rng(3)
    a, b = draw.standard_normal((2, 4, 4)).round(1)
    found = mantel(a, b)
    expected = [spearmanr(a[OFF], b[np.ix_(order, order)][OFF])[0] for order in permutations(range(4))]
    assert found.correlation == pytest.approx(expected[0])
    assert found.p_value == pytest.approx(np.mean(np.array(expected) >= expected[0] - 1e-12))


def test_many_tasks_are_relabeled_at_random_and_p_is_never_0():
    draw = np.random.default_rng(0)
    a = draw.standard_normal((10, 10))
    found = mantel(a, a, draws=199)
    assert found == (pytest.approx(1), 1 / 200, 200, False)
    assert mantel(a, a, draws=199) == found


def test_p_is_uniform_where_one_matrix_says_nothing_about_the_other():
    draw = np.random.default_rng(1)
    p = np.array([mantel(*draw.standard_normal((2, 5, 5))).p_value for _ in range(200)])
    # Kolmogorov-Smirnov at 1 %: 1.63 / sqrt(200), and steps of 1 / 120.
    distance = np.abs(np.sort(p) - np.arange(1, 201) / 200).max()
    assert distance < 1.63 / 200**0.5 + 1 / 120


def test_many_matrices_are_correlated_at_once():
    draw = np.random.default_rng(2)
    a, b = draw.standard_normal((3, 4, 4)), draw.standard_normal((4, 4))
    a[2] = 1
    expected = [spearmanr(each[OFF], b[OFF])[0] for each in a[:2]]
    assert correlations(a, b)[:2] == pytest.approx(expected)
    assert np.isnan(correlations(a, b)[2])


def test_a_constant_matrix_correlates_with_nothing():
    assert mantel(np.ones((4, 4)), np.arange(16.0).reshape(4, 4)) is None


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        (np.eye(2), np.eye(2), "three or more"),
        (np.eye(3), np.eye(4), "square ones of the same tasks"),
        (np.full((3, 3), np.nan), np.eye(3), "not finite"),
    ],
)
def test_what_has_no_correlation_is_refused(a, b, match):
    with pytest.raises(ValueError, match=match):
        mantel(a, b)
