"""SCORES: from one trial's codes to a score for every head, per positive prompt.

The published ones rest on u = how many different codes of a head only positives show. ROC curves depend on the order
of the scores alone, so that `counts` and `softmax` have the same. u grows with how much a head's output varies for
whatever reason: a head whose many codes occur once each has half of them on positives only, by chance. `coverage` and
`distance` count prompts instead of codes, so that one code that all positives show is worth most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.head_codes.counting import (
    Codes,
    Pairs,
    count_positive_only,
    count_positive_only_pairs,
    shares_of_prompts,
    shown_by,
)

ScoreFunction = Callable[[Codes, Bools, int], Floats]


def counts(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """u itself."""
    return shares_of_prompts(codes, is_positive)


def share(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """u divided by how many different codes the head has at all."""
    return _as_parts_of_u(codes, is_positive, count_positive_only(codes, is_positive).shares)


def softmax(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """Softmax of u over all heads."""
    return _as_parts_of_u(codes, is_positive, _softmax(codes, is_positive, 1))


def layer_softmax(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """Softmax of u over the heads of each layer."""
    return _as_parts_of_u(codes, is_positive, _softmax(codes, is_positive, n_layers))


def pairs(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """How often a head stands in the best pairs: ordered pairs of heads by positive-only pairs of codes, written one
    after another as a list of heads, of which the first heads^2/2 entries count. Ties in wiring order."""
    n_heads = codes.shape[1]
    both = Pairs.of(n_heads)
    table = np.zeros((n_heads, n_heads))
    table[both.first, both.second] = count_positive_only_pairs(codes, is_positive, both).counts
    order = np.argsort(-(table + table.T).ravel(), kind="stable")
    listed = np.stack(np.unravel_index(order, table.shape), axis=1).ravel()[: n_heads**2 // 2]
    return _as_parts_of_u(codes, is_positive, np.bincount(listed, minlength=n_heads).astype(np.float64))


def coverage(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """Share of the positives that show a positive-only code."""
    return (shown_by(codes, is_positive).negatives == 0).astype(np.float64)


def distance(codes: Codes, is_positive: Bools, n_layers: int) -> Floats:
    """Total variation distance between how often each code occurs on positives and on negatives: 0 to 1.

    A prompt's part is 1 - q/p where its code occurs with frequency p on positives and q < p on negatives, else 0.
    Equals the coverage where no code occurs on both.
    """
    shown, n_positive = shown_by(codes, is_positive), int(is_positive.sum())
    ratio = (shown.negatives / (len(codes) - n_positive)) / (shown.positives / n_positive)
    return np.maximum(0, 1 - ratio)


SCORES: dict[str, ScoreFunction] = {
    "counts": counts,
    "share": share,
    "softmax": softmax,
    "layer-softmax": layer_softmax,
    "pairs": pairs,
    "coverage": coverage,
    "distance": distance,
}


def head_scores(score: str, codes: Codes, is_positive: Bools, *, n_layers: int) -> Floats:
    """One trial's scores [positive prompt, head], whose means over prompts are the heads' scores.

    codes  [prompt, head]
    """
    return SCORES[score](codes, is_positive, n_layers)


def _as_parts_of_u(codes: Codes, is_positive: Bools, scores: Floats) -> Floats:
    """scores [head] as means over positive prompts [positive prompt, head].

    A prompt's part in a head's score is its part in u. Where a head has no positive-only code, every prompt has the
    head's score.
    """
    parts = shares_of_prompts(codes, is_positive)
    totals = count_positive_only(codes, is_positive).counts
    return np.where(totals > 0, parts * (scores / np.maximum(totals, 1)), scores)


def _softmax(codes: Codes, is_positive: Bools, n_groups: int) -> Floats:
    """[head] softmax of u over equal groups of heads."""
    from scipy.special import softmax as of

    u = count_positive_only(codes, is_positive).counts.astype(np.float64)
    return of(u.reshape(n_groups, -1), axis=1).ravel()
