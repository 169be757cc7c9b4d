"""Recovery rates: what share of the effect of a corruption comes back when one component is restored.

RR = (metric(restored) - metric(corrupt)) / (metric(clean) - metric(corrupt)): 0 where restoring changes nothing, 1
where everything comes back. Over prompts it is averaged in two ways, and publications rarely say which: the *ratio of
means* weights prompts by how much the corruption does to them; the *mean of ratios* weights them equally, and needs a
smallest gap (`min_gap`), below which a ratio says nothing.

Source: Li et al. 2025, arXiv 2511.05923 (which leaves both the average and the smallest gap open).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Floats
from circuits.intervals import percentiles
from circuits.scores import ComponentScores

MIN_GAP = 0.1
_RESAMPLES = 2000


class Recovery(NamedTuple):
    """Recovery rates [position, component] with the ends of their 95 % intervals (bootstrap over prompts).

    n_prompts  [position] how many prompts they are taken over; rates are NaN where there is none, or where the mean
               metric of those prompts is no higher clean than corrupt
    """

    values: Floats
    low: Floats
    high: Floats
    n_prompts: NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """What restoring each component does, and what the corruption did.

    scores   metric(restored) - metric(corrupt) [prompt, position, component], a mean over noise samples
    clean    [prompt] metric of the clean run
    corrupt  [prompt] metric of the corrupt run, a mean over noise samples
    """

    scores: ComponentScores
    clean: Floats
    corrupt: Floats

    @property
    def gaps(self) -> Floats:
        """[prompt] what the corruption takes away."""
        return self.clean.astype(np.float64) - self.corrupt.astype(np.float64)

    def below(self, min_gap: float = MIN_GAP) -> list[int]:
        """Numbers of the prompts whose gap is below `min_gap` (in the metric's units)."""
        return np.flatnonzero(self.gaps < min_gap).tolist()

    def per_prompt(self, min_gap: float = MIN_GAP) -> Floats:
        """RR of every prompt [prompt, position, component]; NaN where not measured, and for gaps below `min_gap`."""
        gaps = self.gaps[:, None, None]
        has_rate = self.scores.measured & (gaps >= min_gap) & (gaps > 0)
        return np.where(has_rate, self.scores.per_prompt / np.where(has_rate, gaps, 1), np.nan)

    def ratio_of_means(self, *, seed: int = 0) -> Recovery:
        """Mean of metric(restored) - metric(corrupt) over the mean gap, of the prompts that have the position."""
        return _recovery([self.drawn_ratios(index, seed=seed) for index in range(len(self.scores.positions))])

    def drawn_ratios(self, position: int, *, seed: int = 0) -> Resampled:
        """Ratios of means at one position, by its index, of its prompts and of bootstrap samples of them."""
        has_position = self.scores.measured[:, position].any(axis=1)
        gaps, scores = self.gaps[has_position], self.scores.per_prompt[has_position, position].astype(np.float64)

        def ratio(weights: Floats) -> Floats:
            mean_gap = weights @ gaps
            return (weights @ scores) / np.where(mean_gap > 0, mean_gap, np.nan)[:, None]

        return _drawn(ratio, len(gaps), scores.shape[1], seed)

    def mean_of_ratios(self, min_gap: float = MIN_GAP, *, seed: int = 0) -> Recovery:
        """Mean RR of the prompts whose gap is at least `min_gap`."""
        rates, averages = self.per_prompt(min_gap), []
        for index in range(len(self.scores.positions)):
            own = rates[np.isfinite(rates[:, index]).any(axis=1), index]
            averages.append(_drawn(lambda weights, own=own: weights @ own, len(own), own.shape[1], seed))
        return _recovery(averages)


class Resampled(NamedTuple):
    """An average over prompts, and the same over bootstrap samples of them.

    value     [component]; NaN where there is no prompt, or none is better clean than corrupt
    samples   [sample, component]; NaN in samples without a gap
    """

    value: Floats
    samples: Floats
    n_prompts: int

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return bool(np.isfinite(self.value).all())


def _drawn(average: Callable[[Floats], Floats], n_prompts: int, n_components: int, seed: int) -> Resampled:
    """`average` takes weights [sample, prompt] that sum to one, and gives [sample, component]."""
    if n_prompts == 0:
        return Resampled(np.full(n_components, np.nan), np.full((_RESAMPLES, n_components), np.nan), 0)
    even = np.full((1, n_prompts), 1 / n_prompts)
    drawn = np.random.default_rng(seed).multinomial(n_prompts, even[0], size=_RESAMPLES) / n_prompts
    return Resampled(average(even)[0], average(drawn), n_prompts)


def _recovery(of_positions: Sequence[Resampled]) -> Recovery:
    ends = [percentiles(drawn.samples) if drawn.is_known else (drawn.value, drawn.value) for drawn in of_positions]
    return Recovery(
        np.stack([drawn.value for drawn in of_positions]),
        np.stack([low for low, _ in ends]),
        np.stack([high for _, high in ends]),
        np.array([drawn.n_prompts for drawn in of_positions], dtype=np.int64),
    )
