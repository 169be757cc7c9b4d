"""Which tasks are alike: average linkage on 1 minus how alike two are.

What is alike one way and the other need not be the same, as with transfer: the mean of both is taken. A share above 1
counts as 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from circuits.arrays import Floats


class Merge(NamedTuple):
    """Two clusters that become one; a task is the cluster of its number, and merge i makes cluster n + i.

    height  mean distance between the tasks of one and those of the other
    """

    left: int
    right: int
    height: float


class TaskTree(NamedTuple):
    """Tasks, clustered.

    merges  [n - 1] by height
    order   numbers of the tasks, neighbors in the tree beside each other
    """

    names: tuple[str, ...]
    merges: tuple[Merge, ...]
    order: tuple[int, ...]

    def members(self, cluster: int) -> tuple[int, ...]:
        """Numbers of the tasks of a cluster, in the order of the tree."""
        n = len(self.names)
        if cluster < n:
            return (cluster,)
        left, right, _ = self.merges[cluster - n]
        return (*self.members(left), *self.members(right))


def task_tree(names: Sequence[str], alike: Floats) -> TaskTree:
    """Tasks clustered by how alike they are (UPGMA).

    alike  [task, task] 1 for the same, 0 for nothing in common, below 0 for less than that; the diagonal is not read

    ValueError for fewer than two tasks, or a number that is not finite.

    >>> import numpy as np
    >>> from graphs.comparison.clusters import task_tree
    >>> tree = task_tree(["a", "b", "c"], np.array([[1, 0, 0.8], [0, 1, 0.2], [0.6, 0.2, 1]]))
    >>> [(tree.members(merge.left), tree.members(merge.right), round(merge.height, 3)) for merge in tree.merges]
    [((0,), (2,), 0.3), ((1,), (0, 2), 0.9)]
    """
    n = len(names)
    off = ~np.eye(n, dtype=np.bool_)
    if n < 2 or alike.shape != (n, n) or not np.isfinite(alike[off]).all():
        raise ValueError(
            f"{n} tasks and a matrix of shape {alike.shape}: clusters take two tasks or more, and a finite number for "
            "every pair."
        )
    from scipy.cluster.hierarchy import leaves_list, linkage

    shares = np.minimum(alike, 1)
    distances = 1 - (shares + shares.T) / 2
    linked = linkage(distances[np.triu_indices(n, 1)], method="average")
    merges = tuple(Merge(int(left), int(right), float(height)) for left, right, height, _ in linked)
    return TaskTree(tuple(names), merges, tuple(int(leaf) for leaf in leaves_list(linked)))
