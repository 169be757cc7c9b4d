"""Heads aligned by what they do: cases worked out by hand, and a model against itself with its heads shuffled."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.comparison.alignment import align_by_readings, align_by_roles, likeness_of_readings, likeness_of_roles

A = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])


def test_likeness_by_hand():
    assert likeness_of_readings(A[:1], A).tolist() == [[1, 0.5, pytest.approx(1 - (0.6 + 0.4) / 4)]]
    assert likeness_of_readings(np.array([[7.0]]), np.array([[1.0], [-9.0]])).tolist() == [[1, 0]]  # limited to -1 to 1
    mover, both, none = [True, False], [True, True], [False, False]
    assert likeness_of_roles(np.array([mover, none]), np.array([mover, both])).tolist() == [[1, 0.5], [0, 0]]


def test_the_total_counts_and_not_each_head_by_itself():
    # Both heads are most like the first; the best total gives the second head the first, and the first the second.
    a, b = np.array([[0.5], [0.9]]), np.array([[0.8], [0.0]])
    found = align_by_readings(a, b, (np.zeros(2), np.zeros(2)))
    assert [(pair.a, pair.b) for pair in found.pairs] == [(0, 1), (1, 0)]
    assert found.pairs[0].margin == pytest.approx(-0.1)
    assert found.likeness.value == pytest.approx(1 - (0.5 + 0.1) / 4)


def test_a_model_whose_heads_are_shuffled_is_found_again_at_the_depth_of_each():
    draw = np.random.default_rng(0)
    readings, depth, order = draw.random((24, 8)), np.arange(24) / 23, draw.permutation(24)
    found = align_by_readings(readings, readings[order], (depth, depth[order]))
    assert [order[pair.b] for pair in found.pairs] == list(range(24))
    assert found.likeness.value == 1
    assert found.likeness.p_value == found.depth.p_value == pytest.approx(1 / 201)
    assert found.depth.value == 0
    assert found.depth.expected == pytest.approx(1 / 3, abs=0.05)  # of two even numbers from 0 to 1


def test_readings_that_do_not_belong_together_are_no_better_than_chance():
    draw = np.random.default_rng(1)
    p_values = []
    for _ in range(8):
        a, b, depth = draw.random((10, 4)), draw.random((10, 4)), draw.random(10)
        p_values.append(align_by_readings(a, b, (depth, depth)).likeness.p_value)
    assert min(p_values) > 0.01
    assert max(p_values) > 0.3


def test_roles_come_first_readings_second_and_heads_without_a_common_role_are_left():
    roles = np.array([[True, False], [True, False], [False, True]])
    others = np.array([[True, False], [True, False], [False, False], [False, False]])
    a, b = np.array([[0.1], [0.9], [0.5]]), np.array([[0.9], [0.1], [0.5], [0.5]])
    found = align_by_roles(roles, others, (a, b), (np.zeros(3), np.zeros(4)))
    assert [(pair.a, pair.b, pair.likeness) for pair in found.pairs] == [(0, 1, 1), (1, 0, 1)]
    nothing = align_by_roles(roles[2:], others, (a[2:], b), (np.zeros(1), np.zeros(4)))
    assert (nothing.pairs, nothing.likeness, nothing.depth) == ((), None, None)
