"""Run many circuits, each from where it first differs from one that was run before.

A circuit is read stage by stage, in the order in which the model runs. Circuits that agree up to a stage give the same
values there, so they form a tree: one of those that share a beginning is run whole and recorded, and the others
branch off it. Each beginning is computed once, however many circuits have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from circuits.arrays import Bools, Numbers

Recording = TypeVar("Recording")
RunFrom = Callable[[Numbers, int, Recording | None, bool], Recording | None]
"""(rows, stage, recording, is_recorded): run the circuits of these rows from a stage, all alike before it. `recording`
is of one that agrees with them there, None before the first stage. Returns that of the one row where asked for it."""

# Recordings held at once; circuits that would need one more share no later beginning.
MOST_HELD = 4


def run_from_first_difference(circuits: Bools, offsets: Sequence[int], run: RunFrom[Recording]) -> None:
    """Call `run` until every circuit was run once.

    circuits  [circuit, part] all different
    offsets   first part of each stage, and the number of parts

    Cost: each stage once per different beginning that leads to it. Memory: at most four recordings.
    """
    stages = _codes(circuits, offsets)
    in_order = np.argsort(-circuits.sum(axis=1), kind="stable")

    def branch(rows: Numbers, stage: int, recording: Recording | None, n_held: int) -> None:
        """Run circuits that agree before `stage`."""
        if not len(rows):
            return
        _, kind, counts = np.unique(stages[rows, stage], return_inverse=True, return_counts=True)
        can_share = counts > 1 if n_held < MOST_HELD else np.zeros(len(counts), dtype=np.bool_)
        alone = rows[~can_share[kind]]
        if len(alone):
            run(alone, stage, recording, False)
        for number in np.flatnonzero(can_share):
            together(rows[kind == number], stage, recording, n_held)

    def together(rows: Numbers, stage: int, recording: Recording | None, n_held: int) -> None:
        """Run circuits that agree in `stage` too."""
        # The largest first: what is left out of it makes the others.
        first, rest = rows[0], rows[1:]
        of_first = run(rows[:1], stage, recording, True)
        differs_at = (stages[rest] != stages[first]).argmax(axis=1)
        for later in np.unique(differs_at):
            branch(rest[differs_at == later], int(later), of_first, n_held + 1)

    branch(in_order, 0, None, 0)


def _codes(circuits: Bools, offsets: Sequence[int]) -> Numbers:
    """[circuit, stage] numbers that are equal where two circuits have the same parts of a stage."""
    codes = np.zeros((len(circuits), len(offsets) - 1), dtype=np.int64)
    for stage, (first, stop) in enumerate(pairwise(offsets)):
        if stop > first:
            packed = np.packbits(circuits[:, first:stop], axis=1)
            codes[:, stage] = np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1)
    return codes
