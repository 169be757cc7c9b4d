"""Circuits resumed where they first differ: each is run once, from a recording that agrees with it up to there."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.effects.shared_starts import run_from_first_difference

OFFSETS = (0, 3, 3, 5, 9)


def ran(circuits, offsets=OFFSETS):
    """(row, stage) of every run, once what it starts from was checked, and how many recordings were held at most."""
    calls, held = [], []

    class Recording:
        def __init__(self, row):
            self.row = row
            held.append(1)

        def __del__(self):
            held.append(-1)

    def run(rows, stage, recording, is_recorded):
        calls.extend((int(row), stage) for row in rows)
        for row in rows:
            before = offsets[stage]
            assert (recording is None) == (stage == 0)
            if recording is not None:
                np.testing.assert_array_equal(circuits[row, :before], circuits[recording.row, :before])
        return Recording(rows[0]) if is_recorded else None

    run_from_first_difference(circuits, offsets, run)
    return calls, max(np.cumsum(held), default=0)


def different(n, share, seed, n_parts=OFFSETS[-1]):
    return np.unique(np.random.default_rng(seed).random((n, n_parts)) < share, axis=0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_every_beginning_is_run_once(share, seed):
    circuits = different(60, share, seed)
    calls, _ = ran(circuits)
    assert sorted(row for row, _ in calls) == list(range(len(circuits)))
    n_stages = len(OFFSETS) - 1
    beginnings = {(stage, circuit[: OFFSETS[stage + 1]].tobytes()) for circuit in circuits for stage in range(n_stages)}
    assert sum(n_stages - stage for _, stage in calls) == len(beginnings)


def test_a_circuit_without_one_part_is_resumed_there():
    circuit = np.ones(9, dtype=bool)
    circuits = np.stack([circuit, *(circuit & (np.arange(9) != part) for part in range(9))])
    calls, n_held = ran(circuits)
    stage_of = dict(calls)
    assert [stage_of[row] for row in range(10)] == [0, *[0] * 3, *[2] * 2, *[3] * 4]
    assert n_held == 1


def test_circuits_with_nothing_in_common_are_run_together_and_not_recorded():
    circuits = np.eye(3, dtype=bool)
    calls, n_held = ran(circuits, (0, 3))
    assert sorted(calls) == [(0, 0), (1, 0), (2, 0)]
    assert n_held == 0


def test_few_recordings_are_held_however_long_the_chain():
    # Circuits with 0, 1, 2 ... parts branch off each other, from either end.
    offsets, parts = tuple(range(31)), np.tri(30, dtype=bool)
    chain = np.unique(np.concatenate([parts, ~parts, parts[:, ::-1]]), axis=0)
    calls, n_held = ran(chain, offsets)
    assert sorted(row for row, _ in calls) == list(range(len(chain)))
    assert 2 <= n_held <= 4


def test_no_circuit_is_no_run():
    assert ran(np.zeros((0, 9), dtype=bool)) == ([], 0)
