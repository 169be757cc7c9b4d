"""Recovery rates: which share of the effect of a corruption comes back when one component is restored.

RR = (metric(restored) - metric(corrupt)) / (metric(clean) - metric(corrupt)): 0 where restoring changes nothing, 1
where everything comes back. Over prompts it is averaged in two ways, and which one a published number is, is rarely
said: the *ratio of means* weighs prompts by how much the corruption does to them; the *mean of ratios* weighs them
alike, and needs a floor under the denominators, below which a ratio says nothing.

Source: Li et al. 2025, arXiv 2511.05923 (which leaves both the average and the floor open).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.scores import Bools, ComponentScores, Floats

FLOOR = 0.1
_RESAMPLES = 2000


class Recovery(NamedTuple):
    """Recovery rates [place, component] with the ends of their 95 % intervals (bootstrap over prompts).

    n_prompts  [place] how many prompts they are taken over; rates are NaN where there is none, or where those prompts
               are on average no better clean than corrupt
    """

    values: Floats
    low: Floats
    high: Floats
    n_prompts: NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """What restoring each component does, and what the corruption did.

    scores   metric(restored) - metric(corrupt) [prompt, place, component], a mean over noise samples
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

    def below(self, floor: float = FLOOR) -> list[int]:
        """Numbers of the prompts whose gap is below `floor` (in the metric's units)."""
        return np.flatnonzero(self.gaps < floor).tolist()

    def per_prompt(self, floor: float = FLOOR) -> Floats:
        """RR of every prompt [prompt, place, component]; NaN where not measured, and for prompts below the floor."""
        gaps = self.gaps[:, None, None]
        is_told = self.scores.measured & (gaps >= floor) & (gaps > 0)
        return np.where(is_told, self.scores.per_prompt / np.where(is_told, gaps, 1), np.nan)

    def ratio_of_means(self, *, seed: int = 0) -> Recovery:
        """Mean of metric(restored) - metric(corrupt) over the mean gap, of the prompts that have the place."""
        gaps = self.gaps

        def ratio(weights: Floats, scores: Floats, has_place: Bools) -> Floats:
            below = weights @ gaps[has_place]
            return (weights @ scores) / np.where(below > 0, below, np.nan)[:, None]

        return self._over_places(ratio, np.ones(len(gaps), dtype=np.bool_), seed)

    def mean_of_ratios(self, floor: float = FLOOR, *, seed: int = 0) -> Recovery:
        """Mean RR of the prompts whose gap is at least `floor`."""
        rates = np.nan_to_num(self.per_prompt(floor))
        return self._over_places(
            lambda weights, scores, _: weights @ scores, (self.gaps >= floor) & (self.gaps > 0), seed, values=rates
        )

    def _over_places(
        self, average: Callable[[Floats, Floats, Bools], Floats], counts: Bools, seed: int, values: Floats | None = None
    ) -> Recovery:
        """An average over the prompts of each place, of all of them and of bootstrap samples.

        average  weights [sample, prompt] that sum to one, values [prompt, component], which prompts they are
        counts   [prompt] which prompts count at all
        """
        per_prompt = self.scores.per_prompt.astype(np.float64) if values is None else values
        shape = (len(self.scores.places), len(self.scores.components))
        values, low, high = (np.full(shape, np.nan) for _ in range(3))
        found = Recovery(values, low, high, np.zeros(shape[0], dtype=np.int64))
        for place in range(shape[0]):
            has_place = self.scores.measured[:, place].any(axis=1) & counts
            n_prompts = int(has_place.sum())
            found.n_prompts[place] = n_prompts
            if n_prompts == 0:
                continue
            even = np.full((1, n_prompts), 1 / n_prompts)
            drawn = np.random.default_rng(seed).multinomial(n_prompts, even[0], size=_RESAMPLES) / n_prompts
            own = per_prompt[has_place, place]
            found.values[place] = average(even, own, has_place)[0]
            if np.isfinite(found.values[place]).all():
                resampled = average(drawn, own, has_place)
                found.low[place], found.high[place] = np.nanquantile(resampled, [0.025, 0.975], axis=0)
        return found
