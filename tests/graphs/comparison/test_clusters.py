"""Clusters of tasks by average linkage."""

import numpy as np
import pytest

from graphs.comparison.clusters import Merge, task_tree


def test_distances_between_clusters_are_means_over_their_tasks():
    # Distances: ab .2, ac .6, bc .4, and d at .9, .9, .6 from a, b, c.
    alike = np.array([[1, 0.8, 0.4, 0.1], [0.8, 1, 0.6, 0.1], [0.4, 0.6, 1, 0.4], [0.1, 0.1, 0.4, 1]])
    tree = task_tree("abcd", alike)
    assert tree.merges == (
        Merge(0, 1, pytest.approx(0.2)),
        Merge(2, 4, pytest.approx((0.6 + 0.4) / 2)),
        Merge(3, 5, pytest.approx((0.9 + 0.9 + 0.6) / 3)),
    )
    assert tree.order == (3, 2, 0, 1)
    assert tree.members(5) == (2, 0, 1)


def test_one_sided_likeness_counts_half_and_more_than_all_counts_as_all():
    tree = task_tree("ab", np.array([[1, 1.0], [0.0, 1]]))
    assert tree.merges[0].height == 0.5
    assert task_tree("ab", np.array([[1, 1.4], [1.2, 1]])).merges[0].height == 0
    # Each way by itself: what a small circuit gains must not make up for what a large one loses on its task.
    assert task_tree("ab", np.array([[1, 7.7], [0.2, 1]])).merges[0].height == pytest.approx(0.4)


@pytest.mark.parametrize("alike", [np.ones((1, 1)), np.ones((3, 3)), np.full((2, 2), np.nan)])
def test_what_cannot_be_clustered_is_refused(alike):
    with pytest.raises(ValueError, match="finite number for every pair"):
        task_tree("a" if len(alike) == 1 else "ab", alike)
