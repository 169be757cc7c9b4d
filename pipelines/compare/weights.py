"""Which circuits are run on the prompts of each of some tasks, by size. Nearly the whole model takes several times as
long as twenty edges, of which few readers have any."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from pipelines.costs.circuit_runs import Circuits


class OnTask(NamedTuple):
    """The circuits that are run on the prompts of one task.

    once   share of all edges that each has, of those whose metric alone is asked for
    twice  the same of those whose answers are read as well
    """

    once: Sequence[float]
    twice: Sequence[float]

    @property
    def n_runs(self) -> int:
        return len(self.once) + 2 * len(self.twice)

    @property
    def circuits(self) -> list[Circuits]:
        """As they are run."""
        return [Circuits(1, share) for share in self.once] + [Circuits(2, share) for share in self.twice]


def circuits_on(target: int, shares: Sequence[float], sized: Collection[int], draws: int) -> OnTask:
    """The circuits that are run on the prompts of run `target` (`circuits.evaluation.transfer.members_on`), by size.

    shares  [run] of all edges that its circuit has
    sized   the runs whose circuit is run at the size of the largest as well, and its own at half its size
    """
    n, largest = len(shares), max(shares)
    others = [share for number, share in enumerate(shares) if number != target]
    drawn = [share for share in shares for _ in range(2 * draws)] + [1.0] * (draws * (n - 1))
    at_size = [largest] * len(sized)
    half = [shares[target] / 2] if target in sized else []
    # The union, what both have, what either has alone, and the model without what both have, and without its heads.
    sets = [
        share
        for other in others
        for share in (min(1.0, other + shares[target]), min(other, shares[target]), other, shares[target], 1.0, 1.0)
    ]
    cores = [float(np.median(shares))] * (n - 1 if n > 2 else 0)
    return OnTask(drawn, [0.0, *shares, *at_size, *half, *sets, *cores])
