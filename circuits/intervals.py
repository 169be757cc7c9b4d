"""How sure numbers over prompts are: one interval type, and the ways to get one.

Student's t for means, and by the delta method for ratios of means; Wilson's for shares; the percentile bootstrap only
where no formula exists. Coverage of nominal 95 % intervals, measured on four tasks at 8 / 16 / 32 / 64 prompts: of
means t .93 .94 .94 .95, percentile .86 .90 .92 .94; of ratios t .91 .94 .95 .94, percentile .86 .90 .93 .94. BCa gains
nothing over the percentile bootstrap. `tests/circuits/test_intervals.py` measures coverage on simulated prompts.

Prompts that say nothing about how far off a number is leave it *unbounded*, from -inf to inf: a single prompt does, and
so does a ratio whose denominator may be 0. Where there is no prompt at all, both ends are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from circuits.arrays import Floats

Ends = TypeVar("Ends", float, Floats)
# A block of a million columns of 64 prompts would take gigabytes in float64.
_COLUMNS_AT_ONCE = 4096
_SAME_SHARE = 0.005  # shares that are printed as the same percentage


class Interval(NamedTuple, Generic[Ends]):
    """Lower and upper ends of a confidence interval: two numbers, or two arrays shaped like what they belong to."""

    low: Ends
    high: Ends

    def item(self, *index: int) -> Interval[float]:
        """The interval of one number, by its index where there are several."""
        low, high = (float(np.asarray(end)[index]) for end in self)
        return Interval(low, high)

    def as_json(self) -> list[float] | None:
        """The ends of one number's interval, for JSON and tables; None where it is unbounded."""
        low, high = (float(end) for end in self)
        return [low, high] if math.isfinite(low) and math.isfinite(high) else None

    def within(self, low: float | None, high: float | None) -> Interval[Ends]:
        """What is left of it where the quantity can be no less than `low` and no more than `high`; None bounds nothing.

        As what is cut off cannot be the truth, it holds the truth as often as before. Unbounded intervals stay so:
        where one number was measured, nothing is known of others.

        >>> from circuits.intervals import Interval
        >>> Interval(0.97, 1.01).within(0, 1).as_json()
        [0.97, 1.0]
        """
        ends = (np.where(np.isinf(end), end, np.clip(end, low, high)) for end in self)
        return Interval(*ends)  # pyright: ignore[reportReturnType]

    def magnitude(self) -> Interval[Ends]:
        """What |x| may be while x is in the interval; 0 is the lower end where x may be 0."""
        low = np.maximum(np.maximum(self.low, np.negative(self.high)), 0)
        return Interval(low, np.maximum(np.negative(self.low), self.high))  # pyright: ignore[reportReturnType]


class Estimate(NamedTuple):
    """A number over prompts with its 95 % interval."""

    value: float
    interval: Interval[float]


@dataclass(frozen=True)
class Share:
    """`n_hits` out of `n`."""

    n_hits: int
    n: int

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing."""
        return self.n_hits / self.n if self.n else 0.0

    def interval(self) -> Interval[float]:
        """Its 95 % confidence interval (Wilson); everything, where nothing was tried."""
        return wilson_interval(self.n_hits, self.n)

    def __add__(self, other: Share) -> Share:
        return Share(self.n_hits + other.n_hits, self.n + other.n)


def t_interval(per_prompt: Floats, *, level: float = 0.95) -> Interval[Floats]:
    """Student's t interval of the mean over prompts.

    per_prompt  [prompt, ...]; a column is averaged over its entries that are not NaN
    returns     low and high [...], in the same units

    30,000 edges x 64 prompts take some 20 ms; memory beside the result is that of one block of columns.
    """
    n_prompts, shape = len(per_prompt), per_prompt.shape[1:]
    flat = per_prompt.reshape(n_prompts, math.prod(shape))
    low, high = np.empty(flat.shape[1]), np.empty(flat.shape[1])
    for start in range(0, flat.shape[1], _COLUMNS_AT_ONCE):
        block = slice(start, start + _COLUMNS_AT_ONCE)
        mean, variance, n = _moments(flat[:, block].astype(np.float64))
        half = _half_width(variance / np.maximum(n, 1), n - 1, level)
        low[block], high[block] = mean - half, mean + half
    return Interval(low.reshape(shape), high.reshape(shape))


def t_interval_of_sums(n: int, total: Floats, squares: Floats, *, level: float = 0.95) -> Interval[Floats]:
    """`t_interval` of numbers of which only sums over the n prompts were kept.

    total, squares  [...] the sum over prompts, and the sum of the squares
    """
    mean = total / max(n, 1)
    variance = np.maximum(squares / max(n, 1) - mean**2, 0) * n / max(n - 1, 1)
    half = _half_width(variance / max(n, 1), np.full(total.shape, n - 1.0), level)
    return Interval(mean - half, mean + half)


def welch_interval(a: Floats, b: Floats, *, level: float = 0.95) -> Interval[Floats]:
    """t interval of the mean of `a` minus the mean of `b`, of independent samples that may spread differently (Welch).

    a, b  [prompt, ...] and [other prompt, ...], without NaN
    """
    (mean_a, variance_a, n_a), (mean_b, variance_b, n_b) = _moments(a), _moments(b)
    squares = variance_a / n_a, variance_b / n_b
    total, least = squares[0] + squares[1], np.minimum(n_a, n_b) - 1
    parts = squares[0] ** 2 / np.maximum(n_a - 1, 1) + squares[1] ** 2 / np.maximum(n_b - 1, 1)
    freedom = np.where((parts > 0) & (least > 0), total**2 / np.where(parts > 0, parts, 1), least)
    half = _half_width(total, freedom, level)
    return Interval(mean_a - mean_b - half, mean_a - mean_b + half)


def ratio_t_interval(numerator: Floats, denominator: Floats, *, level: float = 0.95) -> Interval[Floats]:
    """t interval of mean(numerator) / mean(denominator), by the delta method.

    numerator    [prompt, ...]
    denominator  [prompt]
    returns      low and high [...]

    With a constant denominator, the t interval of the mean itself. Unbounded where that of mean(denominator) includes
    0: no bounded interval has the coverage then (Fieller 1954), and not even the ratio's sign is known.
    """
    if not excludes_zero(denominator, level=level):
        return _unbounded(numerator)
    return t_interval(_as_mean(numerator, denominator), level=level)


def ratio_difference_interval(
    a: tuple[Floats, Floats], b: tuple[Floats, Floats], *, is_paired: bool, level: float = 0.95
) -> Interval[Floats]:
    """t interval of the ratio of means of `a` minus that of `b`, each numerator and denominator of `ratio_t_interval`.

    is_paired  whether both are of the same prompts in the same order; if not, they are independent samples
    """
    if not all(excludes_zero(denominator, level=level) for _, denominator in (a, b)):
        return _unbounded(a[0])
    means = _as_mean(*a), _as_mean(*b)
    return t_interval(means[0] - means[1], level=level) if is_paired else welch_interval(*means, level=level)


def excludes_zero(denominator: Floats, *, level: float = 0.95) -> bool:
    """Whether the t interval of the mean [prompt] excludes 0, so that a ratio to it has a bounded interval."""
    low, high = t_interval(denominator, level=level).item()
    return low > 0 or high < 0


def wilson_interval(n_hits: float, n: int, *, level: float = 0.95) -> Interval[float]:
    """Wilson's interval of a share; it has a width at 0 and 1, and is everything where nothing was tried."""
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    center = (n_hits + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * math.sqrt(n_hits * (n - n_hits) / n + z**2 / 4)
    return Interval(center - half if n_hits else 0.0, center + half if n_hits < n else 1.0)


def fewest_above(share: float, chance: float, *, level: float = 0.95) -> int | None:
    """The smallest number of trials at which Wilson's interval of a share excludes what chance gives; None at or below
    chance, and where the two are the same in percent.

    Wilson's interval inverts the score test: it lies above chance c where n (share - c)^2 > z^2 c (1 - c).

    >>> from circuits.intervals import fewest_above, wilson_interval
    >>> fewest_above(1.0, 0.5), [round(wilson_interval(n, n).low, 2) for n in (3, 4)]
    (4, [0.44, 0.51])
    """
    if share - chance < _SAME_SHARE:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    return math.floor(z**2 * chance * (1 - chance) / (share - chance) ** 2) + 1


def bootstrap(
    statistic: Callable[..., Floats], *n_prompts: int, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval[Floats]:
    """Percentile bootstrap interval over prompts, for statistics that have no formula.

    statistic  from counts [resample, prompt], how often each prompt was drawn, to values [resample, ...]; NaN where a
               resample has none, which is left out. It gets one array of counts for each set of prompts
    n_prompts  size of each set; sets are drawn independently
    returns    low and high [...]

    Counts and not indices: every resample is one row of a matrix product. A set of one prompt leaves it unbounded.
    """
    generator = np.random.default_rng(seed)
    values = statistic(*(drawn_counts(n, resamples=resamples, seed=generator) for n in n_prompts))
    if min(n_prompts) < 2:
        return _unbounded(values)
    is_missing = np.isnan(values).all(axis=0)
    tail = (1 - level) / 2
    low, high = np.nanquantile(np.where(is_missing, 0, values), [tail, 1 - tail], axis=0)
    return Interval(np.where(is_missing, np.nan, low), np.where(is_missing, np.nan, high))


def drawn_counts(n_prompts: int, *, resamples: int, seed: int | np.random.Generator = 0) -> Floats:
    """[resample, prompt] how often each prompt is drawn, with replacement, in each of several bootstrap resamples.

    Counts and not shares: sums of whole numbers are exact, so that equal scores stay equal.
    """
    even = np.full(n_prompts, 1 / max(n_prompts, 1))
    return np.random.default_rng(seed).multinomial(n_prompts, even, size=resamples).astype(np.float64)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being several (Holm 1979): any below 5 % by luck in 5 % of cases. None stays None.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    known = sorted((p, number) for number, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, number) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[number] = largest
    return corrected


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, variance (of n - 1) and number n of the entries [prompt, ...] that are not NaN; the mean of none is NaN."""
    is_known = ~np.isnan(values)
    n = is_known.sum(axis=0).astype(np.float64)
    mean = np.where(is_known, values, 0).sum(axis=0) / np.where(n > 0, n, np.nan)
    distances = values - mean
    distances[~is_known] = 0
    return mean, np.einsum("p...,p...->...", distances, distances) / np.maximum(n - 1, 1), n


def _half_width(squared_error: Floats, freedom: Floats, level: float) -> Floats:
    """Half of a t interval, from the squared standard error and its degrees of freedom; infinite without any."""
    from scipy.special import stdtrit  # scipy takes half a second to import

    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}: give a share between 0 and 1, such as 0.95.")
    different, number_of = np.unique(freedom, return_inverse=True)
    quantiles = stdtrit(np.maximum(different, 1), (1 + level) / 2)[number_of.reshape(freedom.shape)]
    return np.where(freedom > 0, quantiles * np.sqrt(squared_error), np.inf)


def _as_mean(numerator: Floats, denominator: Floats) -> Floats:
    """[prompt, ...] whose mean is the ratio of means r, and whose spread tells how r moves with the prompts.

    To first order a prompt moves r by its (numerator - r denominator) / mean(denominator).
    """
    numerator = numerator.astype(np.float64)
    denominator = denominator.astype(np.float64).reshape(-1, *[1] * (numerator.ndim - 1))
    ratio, size = numerator.mean(axis=0) / denominator.mean(), denominator.mean()
    return ratio + (numerator - ratio * denominator) / size


def _unbounded(values: Floats) -> Interval[Floats]:
    """The interval of statistics [prompt, ...] of which nothing is known; NaN without a prompt."""
    ends = np.full(values.shape[1:], np.inf if len(values) else np.nan)
    return Interval(-ends, ends)
