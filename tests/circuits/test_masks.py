"""Circuits as masks: equal ones are found."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.masks import distinct


@pytest.mark.parametrize(("n_circuits", "n_parts"), [(1, 1), (40, 3), (12, 8), (30, 9), (25, 70)])
def test_distinct_circuits_are_those_of_numpy_in_the_same_order(n_circuits, n_parts):
    circuits = np.random.default_rng(n_parts).random((n_circuits, n_parts)) < 0.5
    circuits[n_circuits // 2 :] = circuits[: n_circuits - n_circuits // 2]
    expected, expected_number_of = np.unique(circuits, axis=0, return_inverse=True)
    for in_memory in (circuits, np.asfortranarray(circuits)):
        different, number_of = distinct(in_memory)
        assert np.array_equal(different, expected)
        assert np.array_equal(number_of, expected_number_of.reshape(-1))


def test_circuits_that_differ_in_their_last_part_alone_are_told_apart():
    circuits = np.zeros((3, 70_651), dtype=np.bool_)
    circuits[1, -1] = True
    different, number_of = distinct(circuits)
    assert different.sum(axis=1).tolist() == [0, 1]
    assert number_of.tolist() == [0, 1, 0]


def test_no_circuits_have_no_distinct_ones():
    different, number_of = distinct(np.zeros((0, 5), dtype=np.bool_))
    assert different.shape == (0, 5)
    assert len(number_of) == 0
