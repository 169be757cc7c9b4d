"""Which head of one model does what a head of another does: heads aligned by what is known of each, not by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats

DRAWS = 200
_ROUNDING = 1e-12
_TIE = 1e-6  # of role likeness: among heads of equal roles, readings decide


class Pair(NamedTuple):
    """Two aligned heads, by number.

    likeness  from 0 to 1
    margin    how much less like the first head is any other head of the second model; negative where another is more
              like it, and was better used elsewhere. None where there is no other
    """

    a: int
    b: int
    likeness: float
    margin: float | None


class Judged(NamedTuple):
    """A number of an alignment beside what chance gives.

    expected  mean over draws
    p_value   share of draws that are at least as good, the alignment itself counted as one
    n_draws   how many there are
    """

    value: float
    expected: float
    p_value: float
    n_draws: int


@dataclass(frozen=True)
class Alignment:
    """The one-to-one alignment of heads whose total likeness is largest.

    likeness  mean over pairs; by chance, readings are dealt to the heads of the second model anew, one by one, and
              aligned again: what is left is that readings of one head belong together
    depth     mean difference in depth of aligned heads, each from 0 to 1; by chance, pairs are drawn at random. Depth
              is not used to align, so that it tells whether the alignment means something

    None where nothing is aligned.
    """

    pairs: tuple[Pair, ...]
    likeness: Judged | None
    depth: Judged | None


def likeness_of_readings(a: Floats, b: Floats) -> Floats:
    """[head, head] 1 minus the mean absolute difference of readings [head, reading], each limited to -1 to 1."""
    differences = np.abs(np.clip(a, -1, 1)[:, None] - np.clip(b, -1, 1)[None])
    return 1 - differences.mean(axis=-1) / 2


def likeness_of_roles(a: Bools, b: Bools) -> Floats:
    """[head, head] roles in common as a share of the roles of either, from [head, role]; 0 for heads without any."""
    both = (a[:, None] & b[None]).sum(-1)
    either = (a[:, None] | b[None]).sum(-1)
    return both / np.maximum(either, 1)


def align_by_readings(a: Floats, b: Floats, depths: tuple[Floats, Floats], *, seed: int = 0) -> Alignment:
    """Heads with like readings.

    a, b    [head, reading] of the two models, without NaN
    depths  [head] of each model, from 0 to 1
    """
    draw = np.random.default_rng(seed)
    shuffled = [draw.permuted(b, axis=0) for _ in range(DRAWS)]
    return _aligned(likeness_of_readings(a, b), [likeness_of_readings(a, other) for other in shuffled], depths, draw)


def align_by_roles(
    a: Bools, b: Bools, readings: tuple[Floats, Floats], depths: tuple[Floats, Floats], *, seed: int = 0
) -> Alignment:
    """Heads with like roles, [head, role]; of several alike, those with like readings. Heads without a role in common
    are not aligned."""
    draw = np.random.default_rng(seed)
    shuffled = [draw.permuted(b, axis=0) for _ in range(DRAWS)]
    ties = _TIE * likeness_of_readings(*readings)
    drawn = [likeness_of_roles(a, other) for other in shuffled]
    return _aligned(likeness_of_roles(a, b), drawn, depths, draw, ties)


def _aligned(
    likeness: Floats,
    drawn: list[Floats],
    depths: tuple[Floats, Floats],
    draw: np.random.Generator,
    ties: Floats | None = None,
) -> Alignment:
    rows, columns = _assigned(likeness if ties is None else likeness + ties)
    kept = likeness[rows, columns] > 0
    rows, columns = rows[kept], columns[kept]
    if not len(rows):
        return Alignment((), None, None)
    value = float(likeness[rows, columns].mean())
    by_chance = np.array([_total(other) / len(rows) for other in drawn])
    pairs = tuple(
        Pair(int(row), int(column), float(likeness[row, column]), _margin(likeness[row], int(column)))
        for row, column in zip(rows, columns, strict=True)
    )
    apart = np.abs(depths[0][:, None] - depths[1][None])
    at_random = np.array([apart[rows, draw.permutation(apart.shape[1])[: len(rows)]].mean() for _ in range(DRAWS)])
    depth = float(apart[rows, columns].mean())
    of_likeness = _judged(value, by_chance, by_chance >= value - _ROUNDING)
    return Alignment(pairs, of_likeness, _judged(depth, at_random, at_random <= depth + _ROUNDING))


def _assigned(likeness: Floats) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(likeness, maximize=True)


def _total(likeness: Floats) -> float:
    return float(likeness[_assigned(likeness)].sum())


def _margin(row: Floats, column: int) -> float | None:
    others = np.delete(row, column)
    return float(row[column] - others.max()) if len(others) else None


def _judged(value: float, drawn: Floats, is_as_good: Bools) -> Judged:
    return Judged(value, float(drawn.mean()), float((1 + is_as_good.sum()) / (1 + len(drawn))), len(drawn))
