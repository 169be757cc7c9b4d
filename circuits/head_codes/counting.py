"""Counting the codes that only positives show, for heads and for pairs of heads on the same prompt.

A pair's code is one number, so pairs are counted as single codes are: sort each head's (or pair's) codes over all
prompts, negatives first among equals; a run of equal codes that begins with a positive is one that no negative shows.
Nothing of size heads^2 x codes^2 is ever made. Cost of pairs: sorting heads^2/2 x prompts numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats

if TYPE_CHECKING:
    import sparse

Codes = NDArray[np.integer[Any]]
# Numbers sorted at once; some five arrays of them are held, of up to 8 bytes each.
_AT_ONCE = 2_000_000


class Counted(NamedTuple):
    """Positive-only codes of several items (heads, or pairs of heads).

    counts    [item] how many different codes occur on positives and on no negative
    distinct  [item] how many different codes occur at all
    """

    counts: NDArray[np.int64]
    distinct: NDArray[np.int64]

    @property
    def shares(self) -> Floats:
        """[item] counts as a share of all different codes."""
        return self.counts / self.distinct


def count_positive_only(codes: Codes, is_positive: Bools) -> Counted:
    """Positive-only codes of codes [prompt, item]."""
    keys = np.sort(_keys(codes, is_positive), axis=1)
    begins = _begins(keys >> 1)
    return Counted((begins & (keys & 1 == 1)).sum(axis=1), begins.sum(axis=1))


def as_coo(codes: Codes, n_codes: int | None = None) -> sparse.COO:
    """Codes [prompt, head] as a sparse boolean array [prompt, head, code]: one entry for each prompt and head.

    n_codes  how many there may be: features of the autoencoder; by default up to the largest that occurs
    """
    import sparse  # compiles with numba on first use, about two seconds

    prompt, head = (index.ravel() for index in np.indices(codes.shape))
    shape = (*codes.shape, int(codes.max()) + 1 if n_codes is None else n_codes)
    return sparse.COO(np.stack([prompt, head, codes.ravel()]), np.ones(codes.size, dtype=np.bool_), shape=shape)


def expected_by_chance(codes: Codes, is_positive: Bools) -> Floats:
    """[item] how many positive-only codes [prompt, item] would show on average under random labels: exact.

    A code that k of all N prompts show is positive-only where all k are among the n positives: C(n, k) / C(N, k).
    """
    from scipy.special import gammaln

    n, n_positive = len(codes), int(is_positive.sum())
    shown = np.arange(1, n_positive + 1)
    chance = np.zeros(n + 1)
    logs = gammaln(n_positive + 1) - gammaln(n_positive - shown + 1) - gammaln(n + 1) + gammaln(n - shown + 1)
    chance[1 : n_positive + 1] = np.exp(logs)
    return np.array([chance[np.unique(column, return_counts=True)[1]].sum() for column in codes.T])


class Shown(NamedTuple):
    """For each positive prompt and each item: how many prompts of either kind show the same code.

    positives  [positive prompt, item], the prompt itself among them
    negatives  [positive prompt, item]
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


def shown_by(codes: Codes, is_positive: Bools) -> Shown:
    """How many prompts share each positive's code, of codes [prompt, item]."""
    n_prompts = len(codes)
    # The prompt's number rides along in the lowest digits, so that sorting says which prompt has which code.
    tagged = np.sort(_keys(codes, is_positive).astype(np.int64) * n_prompts + np.arange(n_prompts), axis=1)
    keys, prompt = np.divmod(tagged, n_prompts)
    run = np.cumsum(_begins(keys >> 1), axis=1) - 1 + np.arange(len(keys))[:, None] * n_prompts
    of_positive = keys & 1 == 1
    counts = [np.bincount(run[side], minlength=keys.size)[run] for side in (of_positive, ~of_positive)]
    by_prompt = np.zeros((2, n_prompts, len(keys)), dtype=np.int64)
    by_prompt[:, prompt, np.arange(len(keys))[:, None]] = counts
    return Shown(*by_prompt[:, is_positive])


def shares_of_prompts(codes: Codes, is_positive: Bools) -> Floats:
    """What each positive prompt contributes to the counts [positive prompt, item]: the counts are means over prompts.

    A positive-only code that k of n positives show counts n/k for each of these, so that it counts 1 in the mean.
    """
    shown = shown_by(codes, is_positive)
    return np.where(shown.negatives == 0, int(is_positive.sum()) / shown.positives, 0)


class Pairs(NamedTuple):
    """Pairs of heads, by number: the one first in wiring order, and the other."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @classmethod
    def of(cls, n_heads: int) -> Pairs:
        """All unordered pairs of different heads."""
        return cls(*np.triu_indices(n_heads, k=1))


def pair_codes(codes: Codes, pairs: Pairs) -> Iterator[tuple[slice, Codes]]:
    """Codes [prompt, pair] of pairs of heads, a slice of the pairs at a time, from codes [prompt, head]."""
    n_codes = int(codes.max()) + 1
    wide = codes.astype(np.int32 if n_codes**2 < 2**30 else np.int64)
    size = max(1, _AT_ONCE // len(codes))
    for start in range(0, len(pairs.first), size):
        part = slice(start, start + size)
        yield part, wide[:, pairs.first[part]] * n_codes + wide[:, pairs.second[part]]


def count_positive_only_pairs(codes: Codes, is_positive: Bools, pairs: Pairs) -> Counted:
    """Pairs of codes seen together on some positive and on no negative, of codes [prompt, head]."""
    counted = [count_positive_only(part, is_positive) for _, part in pair_codes(codes, pairs)]
    return Counted(*(np.concatenate(column) for column in zip(*counted, strict=True)))


def _keys(codes: Codes, is_positive: Bools) -> Codes:
    """[item, prompt] twice the code, plus one on positives."""
    wide = codes.astype(np.int32 if codes.max() < 2**29 else np.int64)
    return np.ascontiguousarray((2 * wide + is_positive[:, None]).T)


def _begins(codes: Codes) -> Bools:
    """[item, prompt] where a run of equal sorted codes begins."""
    begins = np.ones(codes.shape, dtype=np.bool_)
    begins[:, 1:] = codes[:, 1:] != codes[:, :-1]
    return begins
