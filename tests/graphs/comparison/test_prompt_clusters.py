"""Clusters of prompts: sets by hand, planted clusters found, and one cluster where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.comparison.prompt_clusters import (
    agreement,
    holding_edges,
    jaccard_distances,
    nearest_cluster,
    prompt_clusters,
)


def scores(groups: list[int], *, n_edges: int = 60, noise: float = 0.03, seed: int = 0) -> np.ndarray:
    """Prompts of each group score ten edges of their own highly, and a few drawn ones."""
    draw = np.random.default_rng(seed)
    values = noise * draw.exponential(size=(len(groups), n_edges)) ** 3
    for prompt, group in enumerate(groups):
        values[prompt, 10 * group : 10 * group + 10] += draw.uniform(0.5, 2, size=10)
    return values * draw.choice([-1, 1], size=values.shape)


def clusters(values: np.ndarray, **options):
    return prompt_clusters(jaccard_distances(holding_edges(values, 0.9)), **options)


def test_the_fewest_edges_that_hold_a_share():
    held = holding_edges(np.array([[5.0, -3, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]), 0.8)
    np.testing.assert_array_equal(held.sum(axis=1), [2, 0, 4])  # 8 of 10; nothing; 4 of 5
    np.testing.assert_array_equal(held[0], [True, True, False, False, False])


def test_distances_of_sets_by_hand():
    sets = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    expected = [[0, 2 / 3, 0, 1], [2 / 3, 0, 2 / 3, 1], [0, 2 / 3, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_allclose(jaccard_distances(sets), expected)


@pytest.mark.parametrize("n", [2, 3])
def test_planted_clusters_are_found(n):
    groups = [prompt % n for prompt in range(16 * n)]
    found = clusters(scores(groups))
    assert found.n == n
    assert agreement(found.labels, np.array(groups)) == (1, 0.001)
    assert found.strengths[n] > 0.99


@pytest.mark.parametrize("seed", range(8))
def test_prompts_of_one_circuit_are_one_cluster(seed):
    assert clusters(scores([0] * 40, seed=seed)).n == 1
    # Also where their strengths differ, and where no edge matters more than others.
    draw = np.random.default_rng(seed)
    assert clusters(scores([0] * 40, seed=seed) * draw.uniform(0.1, 10, size=(40, 1))).n == 1
    assert clusters(draw.normal(size=(40, 60))).n == 1


def test_few_prompts_are_one_cluster_and_the_largest_comes_first():
    assert clusters(scores([0, 1] * 7)).n == 1
    found = clusters(scores([0] * 12 + [1] * 24))
    np.testing.assert_array_equal(np.bincount(found.labels), [24, 12])


def test_new_prompts_go_to_the_nearest_cluster():
    distances = np.array([[0.1, 0.2, 0.9], [0.8, 0.9, 0.3]])
    np.testing.assert_array_equal(nearest_cluster(distances, np.array([0, 0, 1])), [0, 1])


def test_unrelated_groupings_agree_by_chance_alone():
    draw = np.random.default_rng(0)
    ps = [agreement(draw.integers(2, size=30), draw.integers(2, size=30), permutations=39)[1] for _ in range(40)]
    assert 0.3 < np.mean(ps) < 0.75
