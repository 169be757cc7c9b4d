"""Counting codes that only positives show: by hand, and against counting one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from circuits.head_codes.counting import (
    Pairs,
    as_coo,
    count_positive_only,
    count_positive_only_pairs,
    expected_by_chance,
    pair_codes,
    shares_of_prompts,
)
from circuits.head_codes.scoring import SCORES, head_scores

# Three prompts, the first two positive; two heads. Head 0 shows codes 4 and 7 on positives, 7 on the negative as well;
# head 1 shows 1 twice and 1 on the negative.
BY_HAND = np.array([[4, 1], [7, 1], [7, 1]])
IS_POSITIVE = np.array([True, True, False])


@st.composite
def coded(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Codes [prompt, head] of some positives and some negatives."""
    n_positive, n_negative, n_heads = (draw(st.integers(1, 6)) for _ in range(3))
    codes = draw(arrays(np.int64, (n_positive + n_negative, n_heads + 1), elements=st.integers(0, 4)))
    return codes, np.arange(len(codes)) < n_positive


def test_counts_by_hand():
    counted = count_positive_only(BY_HAND, IS_POSITIVE)
    assert counted.counts.tolist() == [1, 0]  # 4 is shown by positives only; 7 and 1 are not
    assert counted.distinct.tolist() == [2, 1]
    assert counted.shares.tolist() == [0.5, 0]


def test_codes_are_a_sparse_array_of_prompts_heads_and_codes():
    sparse: Any = as_coo(BY_HAND)
    assert (sparse.shape, sparse.nnz) == ((3, 2, 8), 6)
    dense = sparse.todense()  # an index or a mask of sparse arrays would be compiled first, for seconds
    assert dense[0, 0, 4]
    assert not dense[0, 0, 7]
    # Shown by positives and by no negative: the counts, straight from the definition.
    shown = [dense[side].any(axis=0) for side in (IS_POSITIVE, ~IS_POSITIVE)]
    assert (shown[0] & ~shown[1]).sum(axis=1).tolist() == [1, 0]
    assert as_coo(BY_HAND, 200).shape == (3, 2, 200)


def test_pairs_by_hand():
    # Together: (4, 1) on a positive only, (7, 1) on a positive and the negative.
    assert count_positive_only_pairs(BY_HAND, IS_POSITIVE, Pairs.of(2)).counts.tolist() == [1]


def test_a_code_of_some_positives_counts_as_one_in_their_mean():
    codes = np.array([[5], [5], [9], [2], [2]])
    is_positive = np.array([True, True, True, True, False])
    # Of four positives two show 5 (4/2 each), one shows 9 (4/1) and one shows 2, as the negative does.
    assert shares_of_prompts(codes, is_positive).ravel().tolist() == [2, 2, 4, 0]
    assert shares_of_prompts(codes, is_positive).mean() == count_positive_only(codes, is_positive).counts[0] == 2


@given(coded())
def test_counts_equal_those_of_sets(case):
    codes, is_positive = case
    expected = [len(set(head[is_positive]) - set(head[~is_positive])) for head in codes.T]
    counted = count_positive_only(codes, is_positive)
    assert counted.counts.tolist() == expected
    assert counted.distinct.tolist() == [len(set(head)) for head in codes.T]
    np.testing.assert_allclose(shares_of_prompts(codes, is_positive).mean(axis=0), expected)


@settings(deadline=None)
@given(coded())
def test_what_chance_gives_is_the_mean_over_all_labelings(case):
    codes, is_positive = case
    labelings = list(itertools.combinations(range(len(codes)), int(is_positive.sum())))
    counts = [count_positive_only(codes, np.isin(np.arange(len(codes)), chosen)).counts for chosen in labelings]
    np.testing.assert_allclose(expected_by_chance(codes, is_positive), np.mean(counts, axis=0), atol=1e-9)


@given(coded())
def test_pair_counts_equal_those_of_sets(case):
    codes, is_positive = case
    pairs = Pairs.of(codes.shape[1])
    seen = [list(zip(codes[:, a].tolist(), codes[:, b].tolist(), strict=True)) for a, b in zip(*pairs, strict=True)]
    sides = [
        (
            {p for p, i in zip(s, is_positive, strict=True) if i},
            {p for p, i in zip(s, is_positive, strict=True) if not i},
        )
        for s in seen
    ]
    assert count_positive_only_pairs(codes, is_positive, pairs).counts.tolist() == [len(a - b) for a, b in sides]


def test_pairs_come_in_slices_that_together_are_all_of_them(monkeypatch: pytest.MonkeyPatch):
    codes = np.random.default_rng(0).integers(0, 50, (20, 9))
    is_positive, pairs = np.arange(20) < 10, Pairs.of(9)
    whole = count_positive_only_pairs(codes, is_positive, pairs)
    monkeypatch.setattr("circuits.head_codes.counting._AT_ONCE", 100)  # five pairs of 20 prompts
    assert [part.start for part, _ in pair_codes(codes, pairs)] == list(range(0, 36, 5))
    np.testing.assert_array_equal(count_positive_only_pairs(codes, is_positive, pairs).counts, whole.counts)


def test_large_codes_do_not_overflow():
    codes = np.array([[40_000, 65_000], [40_000, 64_999], [39_999, 65_000]], dtype=np.int32)
    assert count_positive_only_pairs(codes, IS_POSITIVE, Pairs.of(2)).counts.tolist() == [2]
    assert shares_of_prompts(codes, IS_POSITIVE).tolist() == [[1, 0], [1, 2]]


def test_scores_are_means_over_prompts_of_those_of_the_heads():
    draw = np.random.default_rng(1)
    codes, is_positive = draw.integers(0, 6, (30, 8)), np.arange(30) < 15
    codes[:, 3] = 2  # a head of one code
    u = count_positive_only(codes, is_positive).counts
    layers = np.exp(u).reshape(2, 4)
    expected = {
        "counts": u,
        "share": u / [len(set(head)) for head in codes.T],
        "softmax": np.exp(u) / np.exp(u).sum(),
        "layer-softmax": (layers / layers.sum(axis=1, keepdims=True)).ravel(),
        "coverage": [np.mean(~np.isin(head[:15], head[15:])) for head in codes.T],
        "distance": [
            0.5 * sum(abs(np.mean(head[:15] == code) - np.mean(head[15:] == code)) for code in set(head))
            for head in codes.T
        ],
    }
    assert set(expected) == set(SCORES) - {"pairs"}
    for name, scores in expected.items():
        per_prompt = head_scores(name, codes, is_positive, n_layers=2)
        assert per_prompt.shape == (15, 8)
        np.testing.assert_allclose(per_prompt.mean(axis=0), scores, err_msg=name)


def test_the_distance_compares_frequencies_of_unequal_sides():
    codes = np.array([[1], [1], [1], [2], [1], [3]])
    is_positive = np.arange(6) < 4
    # Code 1: 3/4 of positives, 1/2 of negatives; code 2: 1/4 and 0; code 3: 0 and 1/2. Half of 1/4 + 1/4 + 1/2.
    per_prompt = head_scores("distance", codes, is_positive, n_layers=1)
    assert per_prompt.ravel().tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    assert per_prompt.mean() == pytest.approx(0.5)


def test_softmaxes_add_up_to_one_over_all_heads_and_over_each_layer():
    codes, is_positive = np.random.default_rng(2).integers(0, 6, (20, 6)), np.arange(20) < 10
    means = {name: head_scores(name, codes, is_positive, n_layers=3).mean(axis=0) for name in SCORES}
    assert means["softmax"].sum() == pytest.approx(1)
    np.testing.assert_allclose(means["layer-softmax"].reshape(3, 2).sum(axis=1), 1)
    # Softmax keeps the order, so ROC curves are those of the counts.
    np.testing.assert_array_equal(
        np.argsort(means["softmax"], kind="stable"), np.argsort(means["counts"], kind="stable")
    )


def test_the_pair_score_counts_heads_in_the_list_of_the_best_pairs():
    # Head 0 shows three positive-only pairs with every other head, heads 1 and 2 show two, and head 3 repeats one code.
    codes = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [2, 1, 0, 0], [9, 1, 0, 0]])
    is_positive = np.array([True, True, True, False])
    table = dict.fromkeys([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], 0)
    counts = count_positive_only_pairs(codes, is_positive, Pairs.of(4)).counts.tolist()
    assert dict(zip(table, counts, strict=True)) == {(0, 1): 3, (0, 2): 3, (0, 3): 3, (1, 2): 2, (1, 3): 1, (2, 3): 1}
    # In both orders, the best first: 01 02 03 10 20 30 | 12 21 ... The first 4*4/2 = 8 entries are 0 1 0 2 0 3 1 0.
    assert head_scores("pairs", codes, is_positive, n_layers=1).mean(axis=0).tolist() == [4, 2, 1, 1]
