"""Which heads code together: they show codes that no negative shows, on the same prompts.

A head shows a positive-only code on some prompts and not on others, in some trials and not in others. The share of
trials, prompt by prompt, says what the head responds to, whatever the numbers of its codes; so heads can be compared
though their codes cannot, and over the prompts of several tasks at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.components import head
from circuits.head_codes.counting import Codes, shares_of_prompts

NO_GROUP = -1
# At most this many groups: with nearly as many groups as heads, the silhouette describes pairs only.
_MOST_GROUPS = 20
# Shares over at most some hundred trials differ by far more than this, if they differ at all.
_ROUNDING = 1e-9


def positive_only(codes: Codes, is_positive: Bools) -> Bools:
    """[positive prompt, head] whether the head's code on the prompt is on no negative, of codes [prompt, head]."""
    return shares_of_prompts(codes, is_positive) > 0


def positive_only_shares(codes: Codes, is_positive: Bools) -> Floats:
    """[positive prompt, head] the share of trials in which a code is positive-only, of codes [trial, prompt, head]."""
    return np.mean([positive_only(trial, is_positive) for trial in codes], axis=0)


def head_groups(shares: Floats) -> NDArray[np.int64]:
    """[head] the number of each head's group, from 0 on by its first head; -1 for heads that never show such a code.

    shares  [prompt, head] of `positive_only_shares`; rows of several tasks may follow one another, of one model

    Heads are joined by the correlation of their columns (average linkage). The number of groups, up to 20, is that of
    the largest mean silhouette, the smaller on a tie. A head whose share is the same on every prompt is correlated
    with others like it (1) and with no other (0). Two heads are one group if their correlation is positive. The same
    shares give the same groups.
    """
    active = np.flatnonzero(shares.any(axis=0))
    labels = np.full(shares.shape[1], NO_GROUP, dtype=np.int64)
    if len(active):
        labels[active] = _by_first_member(_clusters(1 - _correlations(shares[:, active])))
    return labels


def named_groups(coded: Sequence[tuple[Codes, Bools]], n_heads: int) -> dict[str, int]:
    """Head -> number of its group, over the prompts of one or several tasks; heads without such codes have none.

    coded    codes [trial, prompt, head] and [prompt] whether positive, of each task
    n_heads  of a layer
    """
    shares = np.concatenate([positive_only_shares(codes, is_positive) for codes, is_positive in coded])
    groups = head_groups(shares).tolist()
    return {str(head(*divmod(number, n_heads))): group for number, group in enumerate(groups) if group != NO_GROUP}


def _correlations(columns: Floats) -> Floats:
    """[column, column] Pearson correlations; those of constant columns are 1 among themselves and 0 with others."""
    centered = columns - columns.mean(axis=0)
    lengths = np.linalg.norm(centered, axis=0)
    is_constant = lengths < _ROUNDING
    unit = centered / np.where(is_constant, 1, lengths)
    unit[:, is_constant] = 0
    return np.clip(unit.T @ unit + np.outer(is_constant, is_constant), -1, 1)


def _clusters(distances: Floats) -> NDArray[np.int64]:
    """[item] cluster of each item from distances [item, item]."""
    n = len(distances)
    if n < 2 or distances.max() < _ROUNDING:
        return np.zeros(n, dtype=np.int64)
    if n == 2:
        return np.arange(2) if distances[0, 1] >= 1 else np.zeros(2, dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_score

    symmetric = (distances + distances.T) / 2
    np.fill_diagonal(symmetric, 0)
    clusterings: list[NDArray[np.int64]] = []
    qualities = []
    for n_clusters in range(2, min(n - 1, _MOST_GROUPS) + 1):
        joined = AgglomerativeClustering(n_clusters, metric="precomputed", linkage="average").fit_predict(symmetric)
        clusterings.append(joined)
        # Rounded, so that equals are equal and the first of them is the smaller number.
        qualities.append(round(float(silhouette_score(symmetric, joined, metric="precomputed")), 9))
    return clusterings[int(np.argmax(qualities))]


def _by_first_member(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same clusters, numbered in the order of their first members."""
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
