"""The parts of a score as a table that adds up: the writers that matter on either side, and all others together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Floats
from circuits.intervals import t_interval_of_sums
from pipelines.reporting.tables import Row

OTHERS = "others"
_SHOWN = 10  # writers of a side


def pair_table(totals: Floats, squares: Floats, writers: Sequence[str], n_prompts: int) -> Row:
    """The means over prompts of pairs, from their sums [query, key] and those of their squares.

    queries, keys  names of rows and columns in the order of the model: the writers with the largest parts or pairs, and
                   `others`, what all the rest sum to, where there is a rest
    pairs          a list of means for each row
    is_sure        likewise, whether the 95 % t interval of the pair holds no 0; None of `others`, whose spread over
                   prompts is not kept
    """
    means = totals / n_prompts
    sides = _largest(means), _largest(means.T)
    ends = t_interval_of_sums(n_prompts, totals, squares)
    sure = (ends.low > 0) | (ends.high < 0)
    rows, columns = ([writers[number] for number in side] for side in sides)
    shape = len(sides[0]) + 1, len(sides[1]) + 1
    pairs, is_sure = np.zeros(shape), np.full(shape, None, dtype=object)
    pairs[:-1, :-1], is_sure[:-1, :-1] = means[np.ix_(*sides)], sure[np.ix_(*sides)]
    others = [np.setdiff1d(np.arange(len(writers)), side) for side in sides]
    pairs[-1, :-1] = means[np.ix_(others[0], sides[1])].sum(0)
    pairs[:-1, -1] = means[np.ix_(sides[0], others[1])].sum(1)
    pairs[-1, -1] = means[np.ix_(*others)].sum()
    kept = slice(None if len(others[0]) else -1), slice(None if len(others[1]) else -1)
    named: dict[str, Any] = {"queries": [*rows, OTHERS][kept[0]], "keys": [*columns, OTHERS][kept[1]]}
    return named | {"pairs": pairs[kept].tolist(), "is_sure": is_sure[kept].tolist()}


def _largest(means: Floats) -> NDArray[np.intp]:
    """Numbers of the rows with the largest sum, or cell, whatever its sign; in their own order."""
    size = np.maximum(np.abs(means.sum(1)), np.abs(means).max(1))
    return np.sort(np.argsort(-size, kind="stable")[:_SHOWN])
