"""The search for the smallest faithful size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.evaluation.sizes import expected_end, expected_sizes, search_sizes


@given(st.integers(1, 5_000), st.data())
def test_the_smallest_size_of_a_growing_curve_is_found_within_the_precision(largest, data):
    least = data.draw(st.integers(1, largest))
    calls: list[int] = []

    def faithfulness(size: int) -> float:
        calls.append(size)
        return float(size >= least)

    search = search_sizes(faithfulness, largest, bound=0.85)
    assert search.size is not None
    assert least <= search.size <= max(least, 1.02 * least)
    assert search.size == least or least > 50
    assert all((value >= 0.85) == (size >= search.size) for size, value in search.tried.items())
    assert len(calls) == len(set(calls)) <= 2 * largest.bit_length() + 4


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=60), st.floats(0.1, 1))
def test_what_is_found_is_faithful_and_the_size_below_it_was_tried_and_is_not(curve, bound):
    search = search_sizes(lambda size: curve[size - 1], len(curve), bound=bound)
    assert search.tried == {size: curve[size - 1] for size in sorted(search.tried)}
    if search.size is None:
        assert max(search.tried.values()) < bound
        assert len(curve) in search.tried
        assert abs(1 - curve[search.best - 1]) == min(abs(1 - value) for value in search.tried.values())
    else:
        assert curve[search.size - 1] >= bound
        assert search.best == search.size
        assert search.size == 1 or search.tried[search.size - 1] < bound


def test_sizes_above_the_one_found_are_tried_too():
    curve = [0.2, 0.9, 0.3, 0.8, 0.9, 0.9, 0.9, 1.0]
    search = search_sizes(lambda size: curve[size - 1], 8, bound=0.85)
    assert (search.size, search.tried[4]) == (2, 0.8)
    assert max(search.tried) == 8


@pytest.mark.parametrize(("smallest", "largest"), [(0, 5), (6, 5)])
def test_sizes_that_do_not_exist_are_refused(smallest, largest):
    with pytest.raises(ValueError, match=f"sizes from {smallest} to {largest}"):
        search_sizes(float, largest, bound=0.85, smallest=smallest)


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=300), st.floats(0.1, 1), st.data())
def test_what_is_tried_next_is_expected_and_nothing_once_the_search_has_ended(curve, bound, data):
    smallest = data.draw(st.integers(1, len(curve)))
    known: dict[int, float] = {}

    def faithfulness(size: int) -> float:
        assert size in expected_sizes(len(curve), smallest=smallest, known=known, bound=bound)
        known[size] = curve[size - 1]
        return known[size]

    search_sizes(faithfulness, len(curve), bound=bound, smallest=smallest)
    assert expected_sizes(len(curve), smallest=smallest, known=known, bound=bound) == []


def test_a_search_that_nothing_is_expected_of_is_expected_to_go_on_where_a_size_does():
    assert expected_sizes(64, is_found=False) == [1, 2, 4, 8, 16, 32, 64]
    assert expected_sizes(64, known={1: 0.0, 2: 0.5}, is_found=False) == [4, 8, 16, 32, 64]
    assert expected_sizes(64, known={1: 0.0, 2: 0.5, 4: 1.0}, is_found=False) == [3, 6, 12]


def test_circuits_are_expected_to_be_of_a_few_dozen_edges_whatever_the_size_of_the_model():
    assert [expected_end(edges) for edges in (19, 479, 1519, 32_491, 70_651)] == [4, 22, 39, 40, 41]
    assert expected_end(479, known={1: 0.1, 2: 0.2, 4: 0.3, 8: 0.5}) == 40
    assert expected_end(479, known={32: 0.1, 64: 1.0}) == 40
    assert expected_end(479, known={128: 0.1}) > 128
