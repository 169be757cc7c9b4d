"""Circuits grown along paths: by hand, and against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from circuits.masks import pruned
from graphs.selection import Grown, TopEdges
from graphs.selection.growth import begin, connect, grow, strongest_path
from graphs.selection.strongest_paths import ranks_of, strongest_paths

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
WIRINGS = (TINY, Wiring(n_layers=2, n_heads=4, n_kv_heads=2), Wiring(n_layers=2, n_heads=2, n_kv_heads=1))


def names(selected):
    return {str(edge) for edge in selected.edges}


def numbers(*edges):
    return np.array([TINY.edge_index(Edge.parse(edge)) for edge in edges])


def test_an_edge_waits_until_its_connection_is_as_strong_as_what_joins_before(edge_scores_of):
    """The strongest edge of all leads on through a weak one (1): a path of 4 and 3, and one of 2, come first."""
    scores = edge_scores_of(
        {"input->a0.h0<v>": 9.0, "a0.h0->logits": 1.0, "input->a0.h1<v>": 4.0, "a0.h1->logits": 3.0, "input->logits": 2}
    )
    first = {"input->a0.h1<v>", "a0.h1->logits"}
    assert names(Grown(2).choose(scores)) == first
    assert names(Grown(3).choose(scores)) == first | {"input->logits"}
    assert names(Grown(5).choose(scores)) == first | {"input->logits", "input->a0.h0<v>", "a0.h0->logits"}


def test_where_a_whole_path_is_too_long_the_next_that_fits_is_taken(edge_scores_of):
    path = {"input->a0.h0<v>": 9.0, "a0.h0->a1.h0<q>": 8.0, "a1.h0->logits": 7.0}
    scores = edge_scores_of({**path, "input->logits": 3.0, "a0.h0->logits": 2.0})
    assert names(Grown(1).choose(scores)) == {"input->logits"}
    assert names(Grown(2).choose(scores)) == {"input->a0.h0<v>", "a0.h0->logits"}
    assert names(Grown(3).choose(scores)) == set(path)
    assert names(Grown(4).choose(scores)) == {*path, "input->logits"}


def test_a_circuit_begins_with_the_best_path_of_every_group_as_far_as_there_is_room():
    """The second group lies on the first path that is found; the third has a path of its own, of which no room is."""
    strong, weak = ("input->a0.h0<v>", "a0.h0->logits"), ("input->a1.h1<v>", "a1.h1->logits")
    order = numbers("input->logits", *strong, *weak)
    groups = [numbers(strong[1]), numbers(strong[0]), numbers(*weak)]
    assert set(np.flatnonzero(begin(TINY, order, groups, 5))) == set(numbers(*strong, *weak))
    assert set(np.flatnonzero(begin(TINY, order, groups, 3))) == set(numbers(*strong))
    assert not begin(TINY, order, groups, 1).any()


def test_a_key_value_head_leads_on_through_any_head_it_serves(edge_scores_of):
    wiring = Wiring(n_layers=1, n_heads=4, n_kv_heads=2, has_mlps=False)
    scores = edge_scores_of(
        {"input->a0.kv1<v>": 5.0, "a0.h3->logits": 4.0, "a0.h0->logits": 9.0, "input->a0.h0<q>": 1.0}, wiring=wiring
    )
    assert names(Grown(2).choose(scores)) == {"input->a0.kv1<v>", "a0.h3->logits"}


def test_an_edge_leaves_where_no_path_fits_into_the_last_place(edge_scores_of):
    """Two paths of two edges and `input->logits`: two edges are a path, three that and the direct edge, four both."""
    paths = [("input->a0.h0<q>", "a0.h0->logits"), ("input->a0.h1<q>", "a0.h1->logits")]
    scored = {"input->logits": 9.0} | dict.fromkeys(paths[0], 5.0) | dict.fromkeys(paths[1], 4.0)
    unmeasured = tuple(str(edge) for edge in TINY.edges if str(edge) not in scored)
    scores = edge_scores_of(scored, unmeasured=unmeasured)
    assert names(Grown(1).choose(scores)) == {"input->logits"}
    assert names(Grown(2).choose(scores)) == set(paths[0])
    assert names(Grown(3).choose(scores)) == {"input->logits", *paths[0]}
    assert names(Grown(4).choose(scores)) == {*paths[0], *paths[1]}
    assert names(Grown(5).choose(scores)) == set(scored)


@settings(deadline=None, max_examples=25)
@given(which=st.integers(0, len(WIRINGS) - 1), seed=st.integers(0, 2**31), share=st.floats(0.3, 1))
def test_the_strongest_path_through_an_edge_is_the_first_that_the_best_edges_form(which, seed, share):
    """By definition: the first n for which the n best edges, dead ends dropped, hold the edge."""
    wiring, draw = WIRINGS[which], np.random.default_rng(seed)
    order = draw.permutation(np.flatnonzero(draw.random(wiring.n_edges) < share))
    paths = strongest_paths(wiring, ranks_of(wiring, order), np.zeros(wiring.n_edges, dtype=bool))
    first = np.full(wiring.n_edges, wiring.n_edges + 1)
    for n in range(len(order), 0, -1):
        mask = np.zeros(wiring.n_edges, dtype=bool)
        mask[order[:n]] = True
        first[pruned(wiring, mask)] = n
    np.testing.assert_array_equal(paths.weakest, first)
    for edge in np.flatnonzero(paths.exist)[:20]:
        mask = np.zeros(wiring.n_edges, dtype=bool)
        mask[paths.through(int(edge))] = True
        assert mask[edge]
        assert (pruned(wiring, mask) == mask).all()
        assert mask.sum() == paths.n_new[edge]
        assert ranks_of(wiring, order)[mask].max() == paths.weakest[edge]


def test_the_fewest_new_edges_are_those_of_the_shortest_path():
    order = numbers("input->a0.h0<v>", "a0.h0->a1.h0<q>", "a1.h0->logits", "a0.h0->logits")
    ranks, none = ranks_of(TINY, order), np.zeros(TINY.n_edges, dtype=bool)
    edge = TINY.edge_index(Edge.parse("input->a0.h0<v>"))
    assert strongest_paths(TINY, ranks, none).n_new[edge] == 3
    assert strongest_paths(TINY, ranks, none, fewest=True).n_new[edge] == 2


@settings(deadline=None, max_examples=20)
@given(which=st.integers(0, len(WIRINGS) - 1), seed=st.integers(0, 2**31), n=st.integers(1, 60))
def test_a_circuit_that_is_the_best_edges_without_dead_ends_is_grown_so(random_edge_scores, which, seed, n):
    """Where some number of best edges leaves n, these are the circuit."""
    wiring = WIRINGS[which]
    scores = random_edge_scores(wiring, seed=seed)
    for best in range(n, wiring.n_edges + 1):
        selected = TopEdges(best).choose(scores)
        if selected.n_edges == n and not selected.notes:
            assert names(Grown(n).choose(scores)) == names(selected)
            return


def test_chosen_edges_bring_their_connections(edge_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": 5.0, "a0.h0->a1.h0<q>": 4.0, "a1.h0->logits": 3.0})
    order = scores.ranking()
    connected = connect(TINY, order, numbers("a0.h0->a1.h0<q>"))
    assert {str(TINY.edges[n]) for n in np.flatnonzero(connected)} == {
        "input->a0.h0<v>",
        "a0.h0->a1.h0<q>",
        "a1.h0->logits",
    }
    assert not connect(TINY, order[:2], numbers("a0.h0->a1.h0<q>")).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_strongest_path_is_the_first_that_the_best_edges_form(seed):
    order = np.random.default_rng(seed).permutation(TINY.n_edges)
    path = strongest_path(TINY, order)
    weakest = ranks_of(TINY, order)[path].max()
    for n in (weakest - 1, weakest):
        mask = np.zeros(TINY.n_edges, dtype=bool)
        mask[order[:n]] = True
        assert pruned(TINY, mask).any() == (n == weakest)
    assert (pruned(TINY, path) == path).all()


@pytest.mark.parametrize("n", [1, 60, 2_000, 70_000])
def test_seventy_thousand_edges_take_less_than_a_second(random_edge_scores, n):
    import time

    wiring = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)
    order = np.random.default_rng(n).permutation(wiring.n_edges)
    grow(wiring, order, 1)  # the layout of the wiring is found once
    began = time.process_time()
    circuit = grow(wiring, order, n)
    assert time.process_time() - began < 1
    assert circuit.sum() == n
    assert (pruned(wiring, circuit) == circuit).all()
