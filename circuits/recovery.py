"""Recovery rates: what share of the effect of a corruption comes back when one component is restored.

RR = (metric(restored) - metric(corrupt)) / (metric(clean) - metric(corrupt)): 0 where restoring changes nothing, 1
where everything comes back. Over prompts it is averaged in two ways, and publications rarely say which: the *ratio of
means* weights prompts by how much the corruption does to them; the *mean of ratios* weights them equally, and needs a
smallest gap (`min_gap`), below which a ratio says nothing.

Source: Li et al. 2025, arXiv 2511.05923 (which leaves both the average and the smallest gap open).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.frames import component_frame
from circuits.html_text import html_block, html_grid, html_note
from circuits.intervals import Interval, ratio_t_interval, t_interval
from circuits.numbers import count_text
from circuits.scores import ComponentScores

if TYPE_CHECKING:
    import pandas as pd

MIN_GAP = 0.1


class Recovery(NamedTuple):
    """Recovery rates [position, component] with the ends of their 95 % t intervals over prompts.

    low, high  infinite where the interval is unbounded: one prompt, or, of ratios of means, prompts whose mean gap may
               be 0 as far as its own interval tells
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

    def __repr__(self) -> str:
        origin, positions = self.scores.provenance, len(self.scores.positions)
        return (
            f"<Trace of {origin.task}: {count_text(len(self.scores.components), 'component')} at "
            f"{count_text(positions, 'position')}>"
        )

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame with one row per position and component: the share of the gap that restoring it brings back.

        Columns: component, kind, layer, head, index (of a head in its layer), position, recovery (ratio of means over
        the prompts that have the position) with low and high, the ends of its 95 % interval, restored (the same in the
        metric's units) and prompts (how many have the position). What is not known is missing.
        """
        ratio = self.ratio_of_means()
        values, low, high = (np.where(np.isfinite(array), array, np.nan).ravel() for array in ratio[:3])
        columns = {"recovery": values, "low": low, "high": high, "restored": self.scores.means.ravel()}
        columns["prompts"] = np.repeat(ratio.n_prompts, len(self.scores.components))
        return component_frame(self.scores.components, self.scores.positions, columns)

    def _repr_html_(self) -> str:
        scores, ratio = self.scores, self.ratio_of_means().values
        numbers = [number for number, part in enumerate(scores.components) if not part.is_head]
        rows = {
            position: [_known(ratio[at, number]) for number in numbers] for at, position in enumerate(scores.positions)
        }
        names = [str(scores.components[number]) for number in numbers]
        note = html_note("recovery rates of whole layers, by position")
        return html_block(repr(self)[1:-1], note, html_grid(rows, names))

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

    def ratio_of_means(self) -> Recovery:
        """Mean of metric(restored) - metric(corrupt) over the mean gap, of the prompts that have the position."""
        return _recovery([self._ratio_of_means(index) for index in range(len(self.scores.positions))])

    def restored_and_gaps(self, position: int) -> tuple[Floats, Floats]:
        """What a position's rates are ratios of: [prompt, component] and gaps [prompt], of the prompts that have it.

        position  its index
        """
        has_position = self.has_position(position)
        return self.scores.per_prompt[has_position, position].astype(np.float64), self.gaps[has_position]

    def has_position(self, position: int) -> Bools:
        """[prompt] whether it has the position, by its index."""
        return np.asarray(self.scores.measured[:, position].any(axis=1))

    def _ratio_of_means(self, position: int) -> _Rates:
        restored, gaps = self.restored_and_gaps(position)
        if not len(gaps) or gaps.mean() <= 0:
            return _Rates.unknown(restored.shape[1], len(gaps))
        return _Rates(restored.mean(axis=0) / gaps.mean(), ratio_t_interval(restored, gaps), len(gaps))

    def mean_of_ratios(self, min_gap: float = MIN_GAP) -> Recovery:
        """Mean RR of the prompts whose gap is at least `min_gap`."""
        rates, averages = self.per_prompt(min_gap), []
        for index in range(len(self.scores.positions)):
            own = rates[np.isfinite(rates[:, index]).any(axis=1), index]
            known = _Rates(own.mean(axis=0), t_interval(own), len(own)) if len(own) else None
            averages.append(known or _Rates.unknown(own.shape[1], 0))
        return _recovery(averages)


def _known(rate: float) -> float | None:
    return float(rate) if np.isfinite(rate) else None


class _Rates(NamedTuple):
    """Recovery rates [component] at one position, of so many prompts."""

    values: Floats
    interval: Interval[Floats]
    n_prompts: int

    @classmethod
    def unknown(cls, n_components: int, n_prompts: int) -> _Rates:
        """No prompt, or none on average better clean than corrupt."""
        nothing = np.full(n_components, np.nan)
        return cls(nothing, Interval(nothing, nothing), n_prompts)


def _recovery(of_positions: Sequence[_Rates]) -> Recovery:
    return Recovery(
        np.stack([rates.values for rates in of_positions]),
        np.stack([rates.interval.low for rates in of_positions]),
        np.stack([rates.interval.high for rates in of_positions]),
        np.array([rates.n_prompts for rates in of_positions], dtype=np.int64),
    )
