"""Which circuit each part belongs to, as far as the prompts decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import Interval
from graphs.comparison.level import Level
from graphs.comparison.redrawn import Redrawn

SURE = 0.95
Belongs = Literal["shared", "only_a", "only_b", "undecided"]
BELONGS: tuple[Belongs, ...] = ("shared", "only_a", "only_b", "undecided")


@dataclass(frozen=True)
class Part:
    """A part of either circuit.

    in_a, in_b        whether each circuit has it
    share_a, share_b  of resamples of the prompts in which it is in the circuit; None where that was not measured
    belongs           shared or only in one where at least 95 % of resamples say so for both; else undecided
    """

    name: str
    in_a: bool
    in_b: bool
    share_a: float | None
    share_b: float | None
    belongs: Belongs

    @property
    def is_shared(self) -> bool:
        return self.in_a and self.in_b


def parts_of_either(level: Level, redrawn: tuple[Redrawn | None, Redrawn | None]) -> tuple[Part, ...]:
    """The parts of either circuit, in wiring order. Without resamples of both, all are undecided."""
    shares = [None if side is None else side.of(level.name, "resampled").mean(axis=0) for side in redrawn]
    numbers = np.flatnonzero(level.in_a | level.in_b)
    return tuple(_part(level, int(number), shares) for number in numbers)


def iou_interval(
    level: Level, redrawn: tuple[Redrawn | None, Redrawn | None], *, confidence: float = 0.95
) -> Interval[float] | None:
    """Percentile bootstrap interval of the intersection over union: prompts resampled, both circuits chosen anew.

    Resampled circuits resemble each other less than the circuits of all prompts do, so it tends to lie low; it says how
    much the overlap depends on the prompts drawn. None without resamples of both.
    """
    a, b = (None if side is None else side.of(level.name, "resampled") for side in redrawn)
    if a is None or b is None:
        return None
    n = min(len(a), len(b))
    either = np.count_nonzero(a[:n] | b[:n], axis=1)
    values = np.count_nonzero(a[:n] & b[:n], axis=1)[either > 0] / either[either > 0]
    if not len(values):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _part(level: Level, number: int, shares: Sequence[Floats | None]) -> Part:
    in_a, in_b = bool(level.in_a[number]), bool(level.in_b[number])
    share_a, share_b = (None if share is None else float(share[number]) for share in shares)
    return Part(level.name_of(number), in_a, in_b, share_a, share_b, _belongs(share_a, share_b))


def _belongs(share_a: float | None, share_b: float | None) -> Belongs:
    if share_a is None or share_b is None:
        return "undecided"
    is_in = [share >= SURE for share in (share_a, share_b)]
    is_out = [share <= 1 - SURE for share in (share_a, share_b)]
    if all(is_in):
        return "shared"
    if is_in[0] and is_out[1]:
        return "only_a"
    if is_in[1] and is_out[0]:
        return "only_b"
    return "undecided"
