"""How far lines of a drawing run at the same place, whichever draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def n_pairs_together(
    lines: Sequence[NDArray[np.float64]], sources: Sequence[str], *, step: float, same: float, end: float, most: float
) -> tuple[int, int]:
    """How many pairs of lines of different sources run at the same place for longer than `most`; and of how many.

    lines  points (x, y) of each, along which y grows to where it ends
    step   between the places of y at which they are compared
    same   lines that are nearer look like one
    end    how far before a common end lines come together, which is not counted
    """
    ys = np.arange(min(line[0, 1] for line in lines), max(line[-1, 1] for line in lines), step)
    xs = np.array([np.interp(ys, line[:, 1], line[:, 0], left=np.nan, right=np.nan) for line in lines])
    ends, of = np.array([line[-1] for line in lines]), np.array(sources)
    n_together = n_pairs = 0
    for number in range(len(lines) - 1):
        others = number + 1 + np.flatnonzero(of[number + 1 :] != of[number])
        # Where either line is not, the distance is no number, and nearer than nothing.
        near = np.abs(xs[others] - xs[number]) < same
        meet = np.abs(ends[others] - ends[number]).max(axis=1) < 4 / 3 * same
        near[meet] &= ys < np.minimum(ends[others[meet], 1], ends[number, 1])[:, None] - end
        n_together += sum(_longest_run(row) * step > most for row in near if row.sum() * step > most)
        n_pairs += len(others)
    return n_together, n_pairs


def _longest_run(row: NDArray[np.bool_]) -> int:
    return int((np.diff(np.flatnonzero(np.concatenate([[True], ~row, [True]]))) - 1).max())
