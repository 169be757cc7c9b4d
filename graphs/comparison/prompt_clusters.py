"""Do the prompts of one run use one circuit, or several? Clusters of prompts by which edges matter in each.

A prompt is the set of edges that hold a share of its total |score|; two prompts are as far apart as the Jaccard
distance of their sets (data-driven circuit discovery, arXiv 2605.09129). Prompts are joined by average linkage. How
many clusters there are is told by prediction strength (Tibshirani & Walther 2005): halves of the prompts are clustered
apart, and the clusters of one half are predicted by those of the other. There are as many clusters as can be predicted
nearly without fault, and one where none can. The silhouette, which the authors take, never says one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Floats, Numbers

PERMUTATIONS = 999  # least p-value .001
_MOST_HELD = 200_000_000  # entries of the sets that are compared at once


@dataclass(frozen=True)
class PromptClusters:
    """Clusters of prompts.

    labels     [prompt] number of its cluster, from 0, the largest first
    strengths  number of clusters -> prediction strength, from 0 to 1; 1 for a single one
    """

    labels: Numbers
    strengths: Mapping[int, float]

    @property
    def n(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=0)) + 1


def holding_edges(per_prompt: Floats, share: float) -> Bools:
    """[prompt, edge] the fewest edges of each prompt that hold a share of its total |score|; none where all are 0."""
    sizes = np.abs(per_prompt)
    order = np.argsort(-sizes, axis=1, kind="stable")
    held = np.cumsum(np.take_along_axis(sizes, order, axis=1), axis=1, dtype=np.float64)
    is_needed = np.zeros(per_prompt.shape, dtype=np.bool_)
    # An edge is needed as long as those before it hold too little.
    before = held - np.take_along_axis(sizes, order, axis=1)
    np.put_along_axis(is_needed, order, (before < share * held[:, -1:]) & (held[:, -1:] > 0), axis=1)
    return is_needed


def jaccard_distances(sets: Bools) -> Floats:
    """[prompt, prompt] 1 - |both| / |either|; 0 between two empty sets."""
    both = np.zeros((len(sets), len(sets)))
    width = max(1, _MOST_HELD // max(1, len(sets)))
    for first in range(0, sets.shape[1], width):
        part = sets[:, first : first + width].astype(np.float32)
        both += part @ part.T
    sizes = sets.sum(axis=1)
    either = sizes[:, None] + sizes - both
    return np.where(either > 0, 1 - both / np.maximum(either, 1), 0.0)


def prompt_clusters(
    distances: Floats, *, most: int = 5, strength: float = 0.95, splits: int = 10, seed: int = 0
) -> PromptClusters:
    """The largest number of clusters whose prediction strength is at least `strength`.

    distances  [prompt, prompt]
    most       clusters to look for; each needs 4 prompts or more in every half
    """
    most = max(1, min(most, len(distances) // 8))
    halves = _halves(len(distances), splits, seed)
    strengths = {1: 1.0} | {n: _prediction_strength(distances, n, halves) for n in range(2, most + 1)}
    n = max(number for number, found in strengths.items() if found >= strength)
    return PromptClusters(fixed_clusters(distances, n), strengths)


def fixed_clusters(distances: Floats, n: int) -> Numbers:
    """[prompt] clusters, n of them, whether or not they can be predicted; the largest first."""
    return _by_size(_linked(distances, n))


def nearest_cluster(distances: Floats, labels: Numbers) -> Numbers:
    """[new prompt] the cluster whose prompts are nearest on average.

    distances  [new prompt, prompt]
    labels     [prompt]
    """
    means = np.stack([distances[:, labels == number].mean(axis=1) for number in range(int(labels.max()) + 1)], axis=1)
    return means.argmin(axis=1)


def agreement(
    labels: Numbers, others: Numbers, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[float, float]:
    """Adjusted Rand index of two groupings of the prompts, and how often shuffled ones reach it, themselves counted."""
    from sklearn.metrics import adjusted_rand_score

    observed, draw = float(adjusted_rand_score(others, labels)), np.random.default_rng(seed)
    reached = sum(adjusted_rand_score(others, draw.permutation(labels)) >= observed for _ in range(permutations))
    return observed, (1 + int(reached)) / (1 + permutations)


def _linked(distances: Floats, n: int) -> Numbers:
    """[prompt] clusters by average linkage, n at most."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if n == 1:
        return np.zeros(len(distances), dtype=np.int64)
    tree = linkage(squareform(distances, checks=False), method="average")
    return fcluster(tree, n, criterion="maxclust").astype(np.int64) - 1


def _by_size(labels: Numbers) -> Numbers:
    """The same clusters, numbered from the largest; of equal ones, from the one whose first prompt comes first."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return np.argsort(order)[np.searchsorted(names, labels)]


def _halves(n: int, splits: int, seed: int) -> list[tuple[Numbers, Numbers]]:
    """Pairs of disjoint halves, each way round."""
    draw, halves = np.random.default_rng(seed), []
    for _ in range(splits):
        order = draw.permutation(n)
        first, second = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
        halves += [(first, second), (second, first)]
    return halves


def _prediction_strength(distances: Floats, n: int, halves: list[tuple[Numbers, Numbers]]) -> float:
    """Mean over splits of the worst cluster's share of pairs that the other half's clusters put together as well."""
    found = []
    for known, new in halves:
        of_known, of_new = (_linked(distances[np.ix_(half, half)], n) for half in (known, new))
        if min(of_known.max(), of_new.max()) + 1 < n:
            found.append(0.0)
            continue
        predicted = nearest_cluster(distances[np.ix_(new, known)], of_known)
        found.append(min(_together(predicted[of_new == number]) for number in range(n)))
    return float(np.mean(found))


def _together(predicted: Numbers) -> float:
    """Share of pairs with the same prediction; 0 of a single prompt, which no other confirms."""
    n = len(predicted)
    if n < 2:
        return 0.0
    counts = np.unique(predicted, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))
