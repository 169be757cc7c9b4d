"""Choosing heads on some prompts, and saying on others whether that gained anything.

Of 900 heads that do nothing, tried on the same noisy prompts, half seem to help there, and together they seem to help a
lot: the winner's curse. So nothing that chose is judged by the prompts that it was chosen on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import t_interval
from circuits.remedies.base import nested


class Tried(NamedTuple):
    """A set of heads at a strength."""

    heads: tuple[str, ...]
    strength: float


class Groups(NamedTuple):
    """The heads that an edit of each alone helps.

    probe   the strength with the larger group
    ranked  every head, the one that gains most at that strength first
    helped  how many of these gain anything, by probe
    """

    probe: float
    ranked: tuple[str, ...]
    helped: Mapping[float, int]


def groups(heads: Sequence[str], gains: Mapping[float, Floats]) -> Groups:
    """The larger group of heads that rise at one probe, from gains [head, prompt] of each probe; of ties the first."""
    means = {probe: values.mean(axis=1) for probe, values in gains.items()}
    helped = {probe: int((values > 0).sum()) for probe, values in means.items()}
    probe = max(means, key=lambda one: helped[one])
    order = np.argsort(-means[probe], kind="stable")
    return Groups(probe, tuple(heads[int(n)] for n in order), helped)


def to_try(found: Groups, strengths: Sequence[float], sizes: Sequence[int]) -> list[Tried]:
    """Sets of the best heads and the whole group, each at all strengths; the best head alone where none gains."""
    n_helped = found.helped[found.probe]
    within = [size for size in sizes if size < n_helped]
    return [Tried(own, strength) for own in nested(found.ranked, [*within, max(n_helped, 1)]) for strength in strengths]


def best(tried: Sequence[Tried], gains: Floats) -> int:
    """The number of what gains most, from gains [tried, prompt]; of ties the one with fewest heads."""
    means = gains.mean(axis=1)
    return max(range(len(tried)), key=lambda number: (means[number], -len(tried[number].heads)))


@dataclass(frozen=True)
class Verdict:
    """What the prompts that judge say of what other prompts chose.

    chosen_gain   mean gain on the prompts that chose: biased upwards; None where nothing was chosen
    gain          mean gain on the prompts that judge, with its t interval; None where it is unbounded
    as_much       how many of `n_random` sets of other heads gain as much there
    chosen, others, judged_on  what these are called: what was chosen, what it is compared with, and the prompts

    >>> from circuits.remedies.choice import Verdict
    >>> found = Verdict(chosen_gain=0.5, gain=0.1, interval=(-0.2, 0.4), as_much=0, n_random=4)
    >>> found.gains, found.words
    (False, 'no gain: +0.500 on the prompts that chose, +0.100 (-0.200 to +0.400) on those that judge.')
    """

    chosen_gain: float | None
    gain: float
    interval: tuple[float, float] | None
    as_much: int
    n_random: int
    chosen: str = "these heads"
    others: str = "sets of other heads of the same layers"
    judged_on: tuple[str, str] = ("the prompts that chose", "those that judge")

    @property
    def gains(self) -> bool:
        """Whether it surely gains."""
        return self.interval is not None and self.interval[0] > 0

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        ends = "unbounded" if self.interval is None else f"{self.interval[0]:+z.3f} to {self.interval[1]:+z.3f}"
        before = "" if self.chosen_gain is None else f"{self.chosen_gain:+z.3f} on {self.judged_on[0]}, "
        before += f"{self.gain:+z.3f} ({ends}) on {self.judged_on[1]}"
        if not self.gains:
            return f"no gain: {before}."
        if self.as_much:
            share = f"{self.as_much} of {self.n_random} {self.others}"
            return f"a gain that is not particular to {self.chosen}: {before}; {share} gain as much."
        return f"a gain: {before}" + ("." if self.n_random else f"; there are no {self.others} to compare with.")


def verdict(chosen_gain: float, judged: Floats, random: Sequence[float]) -> Verdict:
    """From the gain of every judging prompt [prompt], and the mean gains of random sets there.

    >>> import numpy as np
    >>> from circuits.remedies.choice import verdict
    >>> verdict(0.5, np.array([0.2, 0.4, 0.3, 0.3]), random=[0.0, 0.1]).words
    'a gain: +0.500 on the prompts that chose, +0.300 (+0.170 to +0.430) on those that judge.'
    """
    mean, ends = float(judged.mean()), t_interval(judged).item().as_json()
    interval = None if ends is None else (ends[0], ends[1])
    return Verdict(chosen_gain, mean, interval, sum(other >= mean for other in random), len(random))
