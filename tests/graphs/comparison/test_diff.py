from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, diff

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)


def circuit(*names):
    return CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in names])


def test_kept_gained_and_lost_are_told_apart():
    before = circuit("input->a0.h0<v>", "a0.h0->logits", "input->logits")
    after = circuit("input->a0.h1<v>", "a0.h1->logits", "input->logits")
    changes = diff(before, after)
    assert changes.edges.kept == ("input->logits",)
    assert changes.edges.gained == ("input->a0.h1<v>", "a0.h1->logits")
    assert changes.edges.lost == ("input->a0.h0<v>", "a0.h0->logits")
    assert (changes.nodes.gained, changes.nodes.lost) == (("a0.h1",), ("a0.h0",))


def test_an_edge_whose_score_changed_is_rescored(edge_scores_of):
    before, after = (
        CircuitGraph.from_scores(edge_scores_of({"input->logits": score}, wiring=WIRING), TopEdges(1))
        for score in (1.0, -2.0)
    )
    changes = diff(before, after)
    assert changes.edges.rescored == (("input->logits", 1.0, -2.0),)
    assert changes.edges.kept == ("input->logits",)
    assert not changes.is_empty


@settings(deadline=None, max_examples=30)
@given(n=st.integers(0, 60), seed=st.integers(0, 99))
def test_a_circuit_does_not_differ_from_itself(random_edge_scores, n, seed):
    graph = CircuitGraph.from_scores(random_edge_scores(WIRING, seed=seed), Greedy(n))
    assert diff(graph, graph).is_empty


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 60), seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_diff_reversed_swaps_gained_and_lost(random_edge_scores, n, seeds):
    a, b = (CircuitGraph.from_scores(random_edge_scores(WIRING, seed=seed), Greedy(n)) for seed in seeds)
    forward, backward = diff(a, b), diff(b, a)
    assert (forward.edges.gained, forward.edges.lost) == (backward.edges.lost, backward.edges.gained)
    assert (forward.nodes.gained, forward.nodes.lost) == (backward.nodes.lost, backward.nodes.gained)
    assert sorted((name, new, old) for name, old, new in forward.edges.rescored) == sorted(backward.edges.rescored)


def test_circuits_of_different_models_are_refused():
    other = CircuitGraph.from_edges(replace(WIRING, n_layers=3), [Edge.parse("input->logits")])
    with pytest.raises(ValueError, match="different wirings"):
        diff(circuit("input->logits"), other)
