"""Does one matrix between tasks predict another? Mantel's test, by new labels for the rows and columns of one.

The n (n - 1) ordered pairs of n tasks are not independent, so Spearman's correlation over them has no p-value of its
own. Under the null the labels of one matrix are arbitrary: it is relabeled in every way, or at random, rows and columns
together. One-sided: p is how often a relabeling reaches the correlation that was seen.

Source: Mantel 1967; ranks, and matrices that need not be symmetric, as in Dietz 1983 and Dow & Cheverud 1985.
"""

from __future__ import annotations

from itertools import islice, permutations
from math import factorial
from typing import NamedTuple

import numpy as np

from circuits.arrays import Floats

_MOST_EXACT = 8  # tasks whose 40,320 relabelings are all tried
_AT_ONCE = 8192
_ROUNDING = 1e-9


class Mantel(NamedTuple):
    """The correlation of two matrices.

    n_relabelings  how many were tried, that of the data among them
    is_exact       whether these are all there are
    """

    correlation: float
    p_value: float
    n_relabelings: int
    is_exact: bool


def mantel(a: Floats, b: Floats, *, draws: int = 9999, seed: int = 0) -> Mantel | None:
    """Spearman's correlation of two matrices [task, task] without their diagonals, and how often chance reaches it.

    draws  relabelings tried where there are more than 8 tasks

    None where all entries of a matrix are equal. ValueError for fewer than three tasks, and for a matrix with an
    entry that is not finite.

    >>> import numpy as np
    >>> from graphs.comparison.mantel import mantel
    >>> near = np.array([[1, 0.8, 0.1, 0.2], [0.8, 1, 0.3, 0.1], [0.1, 0.3, 1, 0.7], [0.2, 0.1, 0.7, 1]])
    >>> mantel(near, near).p_value  # only itself, and the relabelings that leave it as it is
    0.041666666666666664
    """
    n = len(a)
    _check(a, b)
    ranks = [_centered_ranks(matrix) for matrix in (a, b)]
    sizes = [float(np.square(rank).sum()) for rank in ranks]
    if min(sizes) == 0:
        return None
    whole = np.sqrt(sizes[0] * sizes[1])
    seen = float((ranks[0] * ranks[1]).sum()) / whole
    is_exact = n <= _MOST_EXACT
    orders = permutations(range(n)) if is_exact else iter(_drawn(n, draws, seed))
    reached, tried = 0, 0
    while block := list(islice(orders, _AT_ONCE)):
        order = np.array(block)
        moved = ranks[1][order[:, :, None], order[:, None, :]]
        reached += int(((moved * ranks[0]).sum(axis=(1, 2)) / whole >= seen - _ROUNDING).sum())
        tried += len(block)
    if is_exact:
        return Mantel(seen, reached / factorial(n), tried, True)
    return Mantel(seen, (1 + reached) / (1 + tried), 1 + tried, False)


def correlations(a: Floats, b: Floats) -> Floats:
    """Spearman's correlation [...] of matrices a [..., task, task] and b [task, task] without diagonals; NaN where one
    is constant."""
    off = ~np.eye(b.shape[-1], dtype=np.bool_)
    first, second = _ranks(a[..., off]), _ranks(b[off])
    size = np.sqrt(np.square(first).sum(axis=-1) * np.square(second).sum())
    return (first * second).sum(axis=-1) / np.where(size > 0, size, np.nan)


def _check(a: Floats, b: Floats) -> None:
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"matrices of shape {a.shape} and {b.shape}: give two square ones of the same tasks.")
    if len(a) < 3:
        raise ValueError(f"matrices of {len(a)} tasks: a correlation over their pairs takes three or more.")
    off = ~np.eye(len(a), dtype=np.bool_)
    if not (np.isfinite(a[off]).all() and np.isfinite(b[off]).all()):
        raise ValueError("a matrix has entries that are not finite. Leave out the tasks that have no number.")


def _ranks(values: Floats) -> Floats:
    """Ranks along the last axis, ties at their mean, less the mean rank."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values, axis=-1))
    return ranks - ranks.mean(axis=-1, keepdims=True)


def _centered_ranks(matrix: Floats) -> Floats:
    """[task, task] ranks among the entries off the diagonal; 0 on it."""
    off = ~np.eye(len(matrix), dtype=np.bool_)
    ranks = np.zeros(matrix.shape)
    ranks[off] = _ranks(matrix[off])
    return ranks


def _drawn(n: int, draws: int, seed: int) -> np.ndarray:
    """[draw, task] random relabelings."""
    draw = np.random.default_rng(seed)
    return draw.permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
