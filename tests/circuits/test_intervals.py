"""Intervals: worked out by hand, against scipy, by their laws, and (slow) by how often they hold the truth."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from circuits.intervals import (
    Interval,
    Share,
    bootstrap,
    drawn_counts,
    excludes_zero,
    fewest_above,
    ratio_difference_interval,
    ratio_t_interval,
    t_interval,
    t_interval_of_sums,
    welch_interval,
    wilson_interval,
)

EVERYTHING = (-np.inf, np.inf)


def of_means(per_prompt, **options) -> Interval:
    """The percentile bootstrap interval of means."""
    return bootstrap(lambda counts: counts @ per_prompt / len(per_prompt), len(per_prompt), **options)


# --- Student's t of a mean ---


def test_an_interval_from_sums_is_that_of_the_numbers():
    values = np.random.default_rng(0).normal(3, 2, size=(9, 5))
    from_sums = t_interval_of_sums(9, values.sum(axis=0), np.square(values).sum(axis=0))
    for actual, expected in zip(from_sums, t_interval(values), strict=True):
        np.testing.assert_allclose(actual, expected)
    assert t_interval_of_sums(1, values[0], values[0] ** 2).item(0).as_json() is None


def test_the_t_interval_of_four_numbers_by_hand():
    # Mean 3, variance (4 + 1 + 1 + 4) / 3 = 10 / 3, standard error sqrt(10 / 12), and t = 3.1824463 for three degrees.
    half = 3.182446305 * np.sqrt(10 / 12)
    assert t_interval(np.array([1.0, 2.0, 4.0, 5.0])).item() == pytest.approx((3 - half, 3 + half))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_scipy_gives_the_same_t_interval(level):
    values = np.random.default_rng(0).normal(size=(9, 3, 2)).astype(np.float32)
    expected = stats.ttest_1samp(values.astype(float), 0).confidence_interval(level)
    np.testing.assert_allclose(t_interval(values, level=level), [expected.low, expected.high])


def test_entries_that_are_nan_are_left_out_column_by_column():
    values = np.array([[1.0, np.nan, np.nan], [2.0, 7.0, np.nan], [4.0, np.nan, np.nan], [5.0, 9.0, np.nan]])
    interval = t_interval(values)
    assert interval.item(0) == t_interval(values[:, 0]).item()
    assert interval.item(1) == t_interval(np.array([7.0, 9.0])).item()
    assert np.isnan(interval.item(2)).all()


@pytest.mark.filterwarnings("error")
def test_one_prompt_bounds_nothing_and_none_gives_nothing():
    assert t_interval(np.array([3.0])).item() == EVERYTHING
    assert t_interval(np.array([3.0])).item().as_json() is None
    assert np.isnan(t_interval(np.zeros((0, 2)))).all()
    assert ratio_t_interval(np.array([3.0]), np.array([2.0])).item() == EVERYTHING
    assert np.isnan(ratio_t_interval(np.zeros((0, 2)), np.zeros(0))).all()
    assert of_means(np.array([3.0])).item() == EVERYTHING
    assert welch_interval(np.array([3.0]), np.array([1.0, 2.0])).item() == EVERYTHING


def test_prompts_that_agree_give_an_interval_without_width():
    agreed = np.full(8, 2.5)
    assert t_interval(agreed).item() == of_means(agreed).item() == (2.5, 2.5)
    assert ratio_t_interval(agreed, 2 * agreed).item() == (0.5, 0.5)


def test_blocks_of_columns_change_nothing(monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(1).normal(size=(5, 17))
    whole = t_interval(values)
    monkeypatch.setattr("circuits.intervals._COLUMNS_AT_ONCE", 4)
    np.testing.assert_array_equal(t_interval(values), whole)


def test_a_million_edges_take_little_more_memory_than_their_intervals():
    scores = np.zeros((4, 1_000_000), dtype=np.float32)
    t_interval(scores[:, :10])
    tracemalloc.start()
    began = time.perf_counter()
    t_interval(scores)
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 8 * 1_000_000 + 4_000_000
    assert seconds < 5  # the bootstrap would take minutes


# --- ratios of means ---


def test_the_interval_of_a_ratio_by_hand():
    # r = 6 / 12. Numerator minus r times denominator: -0.5, 1, 0, -0.5, whose variance is (0.25 + 1 + 0.25) / 3 = 0.5;
    # over the mean denominator 3 and sqrt(4) prompts.
    numerator, denominator = np.array([1.0, 2.0, 1.0, 2.0]), np.array([3.0, 2.0, 2.0, 5.0])
    half = 3.182446305 * np.sqrt(0.5) / (3 * 2)
    assert ratio_t_interval(numerator, denominator).item() == pytest.approx((0.5 - half, 0.5 + half))


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 9), st.floats(0.1, 10), st.integers(0, 99), st.sampled_from([1, -1]))
def test_over_a_constant_denominator_a_ratio_is_a_mean(n_prompts, size, seed, sign):
    numerator = np.random.default_rng(seed).normal(size=(n_prompts, 3))
    low, high = ratio_t_interval(numerator, np.full(n_prompts, sign * size))
    np.testing.assert_allclose([low, high], t_interval(sign * numerator / size), rtol=1e-9, atol=1e-12)


def test_the_unit_of_the_denominator_scales_the_interval_and_its_sign_flips_it():
    draw = np.random.default_rng(2)
    numerator, denominator = draw.normal(size=12), 3 + draw.random(12)
    low, high = ratio_t_interval(numerator, denominator).item()
    assert ratio_t_interval(numerator, 2 * denominator).item() == pytest.approx((low / 2, high / 2))
    assert ratio_t_interval(numerator, -denominator).item() == pytest.approx((-high, -low))


def test_a_denominator_that_may_be_zero_leaves_the_ratio_unbounded():
    numerator = np.array([1.0, 2.0, 3.0])
    unsure, sure = np.array([4.0, -1.0, -2.0]), np.array([4.0, 5.0, 3.0])
    assert not excludes_zero(unsure)
    assert ratio_t_interval(numerator, unsure).item() == EVERYTHING
    assert ratio_t_interval(numerator, np.zeros(3)).item() == EVERYTHING
    for sign in (1, -1):
        assert excludes_zero(sign * sure)
        assert ratio_t_interval(numerator, sign * sure).item().as_json() is not None


def test_the_delta_method_agrees_with_the_bootstrap_where_prompts_are_many():
    draw = np.random.default_rng(3)
    denominator = 2 + draw.random(400)
    numerator = 0.7 * denominator + draw.normal(size=400)
    low, high = ratio_t_interval(numerator, denominator).item()
    resampled = bootstrap(lambda counts: (counts @ numerator) / (counts @ denominator), 400, resamples=4000).item()
    assert resampled == pytest.approx((low, high), abs=0.04 * (high - low))


def test_welch_is_scipys():
    draw = np.random.default_rng(4)
    a, b = draw.normal(size=(6, 3)), draw.normal(1, 3, size=(15, 3))
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    np.testing.assert_allclose(welch_interval(a, b), [expected.low, expected.high])
    assert welch_interval(np.ones(3), np.zeros(4)).item() == (1, 1)


def test_differences_of_ratios_are_paired_or_not():
    draw = np.random.default_rng(5)
    gaps = 2 + draw.random(20)
    a, b = (gaps * draw.normal(0.5, 0.2, size=20), gaps), (gaps * draw.normal(0.3, 0.2, size=20), gaps)
    same = ratio_difference_interval(a, a, is_paired=True).item()
    assert same == (0, 0)
    over_one = np.ones(20)
    expected = t_interval(a[0] - b[0]).item()
    assert ratio_difference_interval((a[0], over_one), (b[0], over_one), is_paired=True).item() == pytest.approx(
        expected
    )
    apart = ratio_difference_interval((a[0], over_one), (b[0], over_one), is_paired=False).item()
    assert apart == pytest.approx(welch_interval(a[0], b[0]).item())
    unsure = (a[0], np.tile([3.0, -3.0], 10))
    assert ratio_difference_interval(a, unsure, is_paired=False).item() == EVERYTHING


# --- shares ---


@pytest.mark.parametrize(("n_hits", "n"), [(0, 1), (0, 9), (9, 9), (1, 7), (50, 80)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_scipy_gives_the_same_wilson_interval(n_hits, n, level):
    expected = stats.binomtest(n_hits, n).proportion_ci(level, method="wilson")
    assert wilson_interval(n_hits, n, level=level) == pytest.approx((expected.low, expected.high))


def test_a_share_of_nothing_may_be_anything():
    assert Share(0, 0).interval() == (0, 1)
    assert (Share(1, 2) + Share(2, 2)).interval() == wilson_interval(3, 4)


# --- the bootstrap ---


def test_the_bootstrap_agrees_with_scipys():
    values = np.random.default_rng(0).normal(size=(40, 3))
    interval = of_means(values, resamples=4000)
    expected = stats.bootstrap((values,), np.mean, axis=0, method="percentile", n_resamples=4000, rng=1)
    width = expected.confidence_interval.high - expected.confidence_interval.low
    np.testing.assert_allclose(interval.low, expected.confidence_interval.low, atol=0.05 * width.max())
    np.testing.assert_allclose(interval.high, expected.confidence_interval.high, atol=0.05 * width.max())


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 8), st.integers(0, 3))
def test_intervals_surround_the_mean_and_repeat_with_their_seed(n_prompts, seed):
    values = np.random.default_rng(seed).normal(size=(n_prompts, 4))
    for low, high in (t_interval(values), of_means(values, resamples=300, seed=seed)):
        assert (low <= values.mean(0) + 1e-9).all()
        assert (values.mean(0) <= high + 1e-9).all()
    again = [of_means(values, resamples=300, seed=seed).low.tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_every_resample_draws_as_many_prompts_as_there_are():
    counts = drawn_counts(7, resamples=50, seed=1)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, drawn_counts(7, resamples=50, seed=1))
    assert not np.array_equal(counts, drawn_counts(7, resamples=50, seed=2))


def test_sets_of_prompts_are_drawn_apart():
    """The mean of one set minus that of another varies as both do, though the sets are equally large."""
    a, b = np.random.default_rng(6).normal(size=(2, 50))
    low, high = bootstrap(lambda of_a, of_b: of_a @ a / 50 - of_b @ b / 50, 50, 50).item()
    together = bootstrap(lambda counts: counts @ (a - a) / 50, 50).item()
    expected = 2 * 1.96 * np.sqrt((a.var() + b.var()) / 50)
    assert high - low == pytest.approx(expected, rel=0.1)
    assert together == (0, 0)


@pytest.mark.filterwarnings("error")
def test_resamples_without_a_value_are_left_out():
    def first(counts):
        """1 where the first prompt was drawn, else nothing; and nothing at all."""
        return np.stack([np.where(counts[:, 0] > 0, 1.0, np.nan), np.full(len(counts), np.nan)], axis=1)

    interval = bootstrap(first, 5)
    assert interval.item(0) == (1, 1)
    assert np.isnan(interval.item(1)).all()
    assert interval.item(1).as_json() is None


# --- the type ---


def test_ends_are_plain_numbers_or_nothing():
    interval = Interval(np.array([0.5, -np.inf, np.nan]), np.array([1.0, np.inf, np.nan]))
    assert [interval.item(index).as_json() for index in range(3)] == [[0.5, 1.0], None, None]
    assert Interval(0.5, np.inf).as_json() is None


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((1, 3), (1, 3)), ((-3, -1), (1, 3)), ((-1, 3), (0, 3)), ((-3, 1), (0, 3)), (EVERYTHING, (0, np.inf))],
)
def test_the_magnitude_is_what_the_absolute_value_may_be(ends, expected):
    assert Interval(*ends).magnitude() == expected


def test_intervals_are_at_hand_without_scipy_or_torch():
    code = (
        "import sys, circuits.intervals; print({'scipy', 'torch'} & {name.partition('.')[0] for name in sys.modules})"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "set()"


# --- coverage ---

SIZES = (8, 16, 32, 64)
POPULATIONS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    # Skewed, as effects that are large on some prompts; and with rare outliers, of which few moments exist.
    "skewed": lambda draw, shape: draw.gamma(2.0, size=shape) - 2,
    "heavy-tailed": lambda draw, shape: draw.standard_t(3, size=shape),
}


def coverage(interval: Interval, truth: float) -> float:
    """How many of many intervals [sample] hold the truth."""
    return float(((interval.low <= truth) & (truth <= interval.high)).mean())


def report(what: str, population: str, n: int, by_t: float, by_bootstrap: float) -> None:
    """A line for `pytest -s -m slow tests/circuits/test_intervals.py`."""
    sys.stdout.write(f"{what}, {population}, {n} prompts: t {by_t:.3f}, percentile bootstrap {by_bootstrap:.3f}\n")


@pytest.mark.slow
@pytest.mark.parametrize("population", POPULATIONS)
def test_t_intervals_of_means_hold_the_truth_about_as_often_as_they_say(population):
    """Of 4,000 samples a share near 0.95 is uncertain by 0.007. For few prompts, the bootstrap falls short of t."""
    draw = np.random.default_rng(7)
    for n in SIZES:
        samples = POPULATIONS[population](draw, (n, 4000))
        by_t, by_bootstrap = coverage(t_interval(samples), 0), coverage(of_means(samples, resamples=1000), 0)
        report("mean", population, n, by_t, by_bootstrap)
        assert (0.90 if n < 16 else 0.92) < by_t < 0.975
        if n == 8:
            assert by_t > by_bootstrap + 0.03


@pytest.mark.slow
@pytest.mark.parametrize("population", POPULATIONS)
def test_t_intervals_of_ratios_hold_the_truth_about_as_often_as_they_say(population):
    """A circuit keeps 0.8 of gaps that differ between prompts, up to noise from the population."""
    draw = np.random.default_rng(8)
    for n in SIZES:
        gaps = draw.gamma(6.0, 0.5, size=(n, 4000))
        kept = 0.8 * gaps + 0.5 * POPULATIONS[population](draw, (n, 4000))
        ends = [ratio_t_interval(kept[:, number], gaps[:, number]).item() for number in range(4000)]
        by_t = coverage(Interval(*np.array(ends).T), 0.8)
        resampled = bootstrap(lambda counts, kept=kept, gaps=gaps: (counts @ kept) / (counts @ gaps), n, resamples=1000)
        by_bootstrap = coverage(resampled, 0.8)
        report("ratio", population, n, by_t, by_bootstrap)
        assert (0.90 if n < 16 else 0.92) < by_t < 0.975
        if n == 8:
            assert by_t > by_bootstrap + 0.03


@pytest.mark.parametrize("chance", [0.5, 0.25, 1 / 3, 0.02])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.6])
def test_the_fewest_trials_are_those_at_which_the_interval_first_lies_above_chance(share, chance):
    n = fewest_above(share, chance)
    assert wilson_interval(share * n, n).low > chance
    assert n == 1 or wilson_interval(share * (n - 1), n - 1).low <= chance


def test_at_chance_no_number_of_trials_tells():
    assert fewest_above(0.5, 0.5) is fewest_above(0.2, 0.5) is fewest_above(0.501, 0.5) is None
