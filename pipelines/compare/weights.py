"""What running the circuits of some tasks on the prompts of one of them takes, in forward passes of these prompts.

Circuits are run from the first token in which clean and corrupt differ, so that tasks take very different times: three
tokens of a short prompt or thirty of a long one. Nearly the whole model takes five times as long as twenty edges, of
which few readers have any.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from pipelines.engine.result_file import Result
from pipelines.runs.codec import prompts_from

# Forward passes, of the tokens that are run, that a circuit of all edges takes, and how many more for ten times as many
# edges, as measured on models of 0.8 M and 135 M weights; one without edges takes some as well.
_ALL_EDGES, _TEN_TIMES, _LEAST = 2.9, 0.7, 0.4
# The clean and the ablated run, for the metric and for the accuracy.
_RECORDED = 4
# Where nothing is known of the prompts: how much of them comes after the first difference.
_UNKNOWN = 0.5


class Lengths(NamedTuple):
    """Prompts by their tokens.

    n_tokens  [prompt] of each
    n_run     [prompt] of each, from the first on in which clean and corrupt differ
    """

    n_tokens: Sequence[int]
    n_run: Sequence[int]

    @property
    def mean(self) -> float:
        return float(np.mean(self.n_tokens))


def lengths_from(prompts: Result) -> Lengths:
    """The lengths of the prompts that a job made."""
    every = prompts_from(prompts).prompts
    # Answers of several tokens are run behind their prompt.
    n_tokens = [prompt.n_positions for prompt in every]
    starts = (min(prompt.first_difference, prompt.answer_position) for prompt in every)
    return Lengths(n_tokens, [n - start for n, start in zip(n_tokens, starts, strict=True)])


class Circuits(NamedTuple):
    """How many circuits are run on the prompts of one task.

    once   share of all edges that each has, of those whose metric alone is asked for
    twice  the same of those whose answers are read as well
    """

    once: Sequence[float]
    twice: Sequence[float]

    @property
    def n_runs(self) -> int:
        return len(self.once) + 2 * len(self.twice)

    @property
    def passes(self) -> float:
        """Forward passes of one prompt, of the tokens that are run."""
        return sum(map(_passes, self.once)) + 2 * sum(map(_passes, self.twice))


def circuits_on(target: int, shares: Sequence[float], sized: Collection[int], draws: int) -> Circuits:
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
    return Circuits(drawn, [0.0, *shares, *at_size, *half, *sets, *cores])


def weight_on(first: int, stop: int, circuits: Circuits, lengths: Lengths | None) -> float:
    """Forward passes of one prompt that prompts first .. stop-1 of a task take.

    lengths  of all prompts of the task; None where they are not known yet
    """
    if lengths is None:
        return (stop - first) * (_RECORDED + _UNKNOWN * circuits.passes)
    n_tokens, n_run = sum(lengths.n_tokens[first:stop]), sum(lengths.n_run[first:stop])
    return (_RECORDED * n_tokens + n_run * circuits.passes) / lengths.mean


def _passes(share: float) -> float:
    return max(_LEAST, _ALL_EDGES + _TEN_TIMES * math.log10(share)) if share > 0 else _LEAST
