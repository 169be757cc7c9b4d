"""Where faithfulness falls as circuits grow: by paired differences, and not by noise."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.evaluation.monotone import falls

N_PROMPTS = 12


def baseline(clean: float = 2.0, ablated: float = 0.0, n: int = N_PROMPTS) -> Baseline:
    return Baseline(np.full(n, clean), np.full(n, ablated), None)


def curve(*means: float, noise: float = 0.0, seed: int = 0, n: int = N_PROMPTS) -> np.ndarray:
    """[size, prompt] values with these means before noise, each of its own."""
    draw = np.random.default_rng(seed)
    return np.array(means)[:, None] + noise * draw.normal(size=(len(means), n))


def test_a_fall_is_told_from_its_peak_with_its_depth():
    found = falls([1, 2, 4, 8], curve(0.4, 1.6, 1.0, 2.0, noise=0.01), baseline())
    assert [(fall.smaller, fall.larger) for fall in found] == [(2, 4)]
    assert found[0].change.value == pytest.approx(-0.3, abs=0.02)
    low, high = found[0].change.interval
    assert low < -0.3 < high < 0
    assert found[0].as_json() == {"smaller": 2, "larger": 4, "change": found[0].change.value, "interval": [low, high]}


def test_each_size_is_compared_with_the_smaller_one_it_is_farthest_below():
    found = falls([1, 2, 3, 4], curve(1.0, 1.8, 0.6, 0.8, noise=0.01), baseline())
    assert [(fall.smaller, fall.larger) for fall in found] == [(2, 3), (2, 4)]


def test_a_growing_curve_has_no_fall_and_neither_has_one_circuit():
    assert falls([1, 2, 4], curve(0.1, 0.5, 1.9, noise=0.01), baseline()) == []
    assert falls([5], curve(0.5), baseline()) == []


def test_runs_of_one_circuit_that_differ_by_rounding_do_not_fall():
    values = curve(1.0, 1.0)
    assert falls([3, 4], values - np.array([[0], [1e-6]]), baseline()) == []


def test_prompts_that_differ_more_than_the_circuits_hide_no_fall():
    """Intervals of both circuits overlap by far, and every single prompt loses the same."""
    shift = 1.5 * np.random.default_rng(1).normal(size=N_PROMPTS)
    values = curve(1.2, 1.0, noise=0.01) + shift
    (low, _), (_, high) = (faithfulness(each, baseline()).interval or (0, 0) for each in values)
    assert low < high
    assert [(fall.smaller, fall.larger) for fall in falls([1, 2], values, baseline())] == [(1, 2)]


def test_of_curves_that_are_flat_but_for_noise_few_are_said_to_fall():
    """At most 1 in 20 by chance, over all pairs of 10 sizes; four standard errors of 400 draws above that."""
    sizes, said, uncorrected = list(range(1, 11)), 0, 0
    for seed in range(400):
        values = curve(*[1.0] * 10, noise=0.5, seed=seed)
        said += bool(falls(sizes, values, baseline()))
        uncorrected += bool(np.any(np.diff(values.mean(axis=1)) < 0))
    assert uncorrected > 0.99 * 400
    assert said <= 400 * 0.05 + 4 * np.sqrt(400 * 0.05 * 0.95)


def test_a_circuit_that_is_given_twice_makes_no_more_pairs():
    values = curve(0.0, 1.6, 1.0, noise=0.01)
    assert falls([0, 0, 0, 2, 4], values[[0, 0, 0, 1, 2]], baseline()) == falls([0, 2, 4], values, baseline())


def test_a_metric_that_points_the_other_way_falls_all_the_same():
    values = curve(0.4, 1.6, 1.0, 2.0, noise=0.01)
    up, down = falls([1, 2, 3, 4], values, baseline()), falls([1, 2, 3, 4], -values, baseline(clean=-2.0))
    assert up == down


def test_where_the_gap_may_be_zero_nothing_is_said():
    clean = np.array([3.0, -3.0] * (N_PROMPTS // 2)) + 0.1
    assert falls([1, 2], curve(2.0, 1.0, noise=0.01), Baseline(clean, np.zeros(N_PROMPTS), None)) == []


def test_every_circuit_needs_its_size():
    with pytest.raises(ValueError, match="3 sizes and values of 2 circuits"):
        falls([1, 2, 3], curve(0.1, 0.2), baseline())
