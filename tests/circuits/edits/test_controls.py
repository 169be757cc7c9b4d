"""Other heads to edit: as many in each layer, never the same ones, all sets where there are few."""

from __future__ import annotations

from collections import Counter

from circuits.components import Wiring
from circuits.edits.controls import matched_sets

WIRING = Wiring(4, 8, 8)


def layers(heads: tuple[str, ...]) -> Counter[str]:
    return Counter(head.partition(".")[0] for head in heads)


def test_every_set_has_as_many_other_heads_in_each_layer():
    heads = ("a1.h0", "a3.h2", "a1.h7")
    drawn = matched_sets(WIRING, heads, n=50, seed=0)
    assert len(set(drawn)) == 50
    for own in drawn:
        assert layers(own) == layers(heads)
        assert not set(own) & set(heads)
    assert drawn == matched_sets(WIRING, heads, n=50, seed=0)
    assert drawn != matched_sets(WIRING, heads, n=50, seed=1)


def test_where_few_sets_exist_all_are_taken_and_none_where_a_layer_is_full():
    assert matched_sets(WIRING, ("a2.h3",), n=20, seed=0) == [(f"a2.h{n}",) for n in range(8) if n != 3]
    assert matched_sets(Wiring(2, 2, 2), ("a0.h0", "a0.h1"), n=20, seed=0) == []
    assert len(matched_sets(WIRING, ("a0.h0", "a0.h1", "a1.h0"), n=10**6, seed=0)) == 15 * 7


def test_many_possible_sets_are_drawn_without_listing_them():
    heads = tuple(f"a{layer}.h{head}" for layer in range(4) for head in (0, 1))
    drawn = matched_sets(WIRING, heads, n=30, seed=2)  # 15^4 sets
    assert len(set(drawn)) == 30
    assert all(layers(own) == layers(heads) and not set(own) & set(heads) for own in drawn)


def test_more_sets_than_there_are_give_all_of_them():
    heads = tuple(f"a{layer}.h{head}" for layer in range(4) for head in (0, 1))
    n_sets = 15**4  # more than are listed unasked
    assert len(set(matched_sets(WIRING, heads, n=n_sets + 1, seed=0))) == n_sets
    assert len(set(matched_sets(WIRING, heads, n=n_sets - 1, seed=0))) == n_sets - 1
