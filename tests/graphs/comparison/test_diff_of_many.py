"""Differences of several circuits: laws that any circuits obey, and cases that can be redone by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Component, Edge, Wiring
from circuits.scores import ComponentScores, EdgeScores
from graphs import CircuitGraph, Greedy, TopComponents, TopEdges, diff, diff_of_many
from tests.graphs.conftest import provenance

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
SEEDS = st.lists(st.integers(0, 99), min_size=2, max_size=4)
TWO_EDGES = ("input->logits", "input->m0", "m0->logits")


def circuit(*names):
    return CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in names])


def scored(values, **about):
    """Scores [prompt] of `input->logits`, and the circuit that it is."""
    per_prompt = np.zeros((len(values), WIRING.n_edges))
    per_prompt[:, WIRING.edge_index(Edge.parse("input->logits"))] = values
    scores = EdgeScores(WIRING, per_prompt, np.ones(WIRING.n_edges, dtype=bool), provenance(**about))
    return CircuitGraph.from_scores(scores, TopEdges(1)), scores


def changes(*sides):
    graphs, scores = zip(*sides, strict=True)
    return diff_of_many(graphs, scores=scores)


def random_circuits(random_edge_scores, seeds, n=25):
    scores = [random_edge_scores(WIRING, seed=seed, prompts_fingerprint=f"prompts {seed}") for seed in seeds]
    return [CircuitGraph.from_scores(each, Greedy(n)) for each in scores], scores


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), n=st.integers(0, 60), n_circuits=st.integers(2, 4))
def test_a_circuit_does_not_differ_from_itself(random_edge_scores, seed, n, n_circuits):
    (graph,), (scores,) = random_circuits(random_edge_scores, [seed], n)
    same = diff_of_many([graph] * n_circuits, scores=[scores] * n_circuits)
    assert same.is_empty
    assert same.edges.shared == tuple(edge.name for edge in graph.edges)


@settings(deadline=None, max_examples=20)
@given(seeds=SEEDS)
def test_in_reverse_order_memberships_and_changes_are_reversed(random_edge_scores, seeds):
    graphs, scores = random_circuits(random_edge_scores, seeds)
    forward = diff_of_many(graphs, scores=scores).edges
    backward = diff_of_many(graphs[::-1], scores=scores[::-1]).edges
    last = len(graphs) - 1
    assert forward.names == backward.names
    assert (forward.holds == backward.holds[:, ::-1]).all()
    turned = {(one.name, last - one.b, last - one.a, one.after, one.before) for one in backward.rescored}
    assert {(one.name, one.a, one.b, one.before, one.after) for one in forward.rescored} == turned
    assert len(forward.flipped) == len(backward.flipped)


@settings(deadline=None, max_examples=20)
@given(seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_of_two_circuits_it_says_what_the_diff_of_two_says(random_edge_scores, seeds):
    graphs, _ = random_circuits(random_edge_scores, seeds)
    two, many = diff(*graphs), diff_of_many(graphs)
    for kind in ("nodes", "edges"):
        of_two, of_many = getattr(two, kind), getattr(many, kind)
        assert set(of_many.shared) == set(of_two.kept)
        assert set(of_many.only_in(1)) == set(of_two.gained)
        assert set(of_many.only_in(0)) == set(of_two.lost)


def test_every_part_is_shared_in_some_or_in_one():
    found = diff_of_many([circuit(*TWO_EDGES), circuit("input->logits"), circuit(*TWO_EDGES[1:])])
    assert dict(zip(found.edges.names, found.edges.memberships(), strict=True)) == {
        "input->m0": "some",
        "input->logits": "some",
        "m0->logits": "some",
    }
    assert found.nodes.shared == ("input", "logits")
    assert found.edges.only_in(0, 1) == ("input->logits",)
    assert found.edges.only_in(0) == ()


def test_the_interval_is_that_of_differences_prompt_by_prompt_where_the_prompts_are_the_same():
    # Differences .1, .2, .3: mean .2, standard error .1 / sqrt(3), t(2) = 4.303: .2 +- .248 holds 0.
    a, b = scored([1.0, 5.0, 9.0]), scored([1.1, 5.2, 9.3])
    assert changes(a, b).edges.rescored == ()
    # Differences .2, .2, .2: no spread. As independent samples these would not differ: the spread of a is 4.
    (change,) = changes(a, scored([1.2, 5.2, 9.2])).edges.rescored
    assert (change.before, change.after) == (5.0, pytest.approx(5.2))
    assert change.interval == pytest.approx((0.2, 0.2))
    assert not change.is_flipped
    other_prompts = scored([1.2, 5.2, 9.2], prompts_fingerprint="others")
    assert changes(a, other_prompts).edges.rescored == ()


def test_a_sign_is_flipped_only_beyond_the_interval():
    sure = changes(scored([-1.0, -1.1, -0.9, -1.0]), scored([1.0, 1.1, 0.9, 1.2], prompts_fingerprint="others")).edges
    assert [change.name for change in sure.flipped] == ["input->logits"]
    noise = changes(scored([-1.0, 1.0, -0.2, 0.1]), scored([1.0, -1.0, 0.1, 0.2], prompts_fingerprint="others")).edges
    assert noise.flipped == ()
    assert noise.compared == {(0, 1): 1}


@pytest.mark.parametrize(
    ("about", "reason"),
    [({"metric": "kl-divergence"}, "another metric"), ({"method": "relp"}, "another method")],
)
def test_how_far_scores_of_other_units_or_methods_differ_is_not_told(about, reason):
    found = changes(scored([1.0, 1.1]), scored([-5.0, -5.1], **about)).edges
    assert found.rescored == ()
    assert reason in found.untold[0, 1]


def test_one_prompt_tells_no_change():
    found = changes(scored([1.0]), scored([-5.0])).edges
    assert (found.rescored, found.untold) == ((), {(0, 1): "one prompt says nothing about how far off a score is"})


def test_as_shares_of_the_gap_scores_of_a_weaker_task_are_the_same():
    sides = (scored([1.0, 1.2, 1.4]), scored([4.0, 4.8, 5.6], prompts_fingerprint="others", metric="kl-divergence"))
    gaps = ((2.0, 1.0), (9.0, 5.0))  # 1 and 4
    graphs = [
        replace(graph, metrics={"clean": clean, "corrupt": corrupt})
        for (graph, _), (clean, corrupt) in zip(sides, gaps, strict=True)
    ]
    scores = [each for _, each in sides]
    assert diff_of_many(graphs, scores=scores, of_gap=True).is_empty
    twice = [graphs[0], replace(graphs[1], metrics={"clean": 1.0, "corrupt": -1.0})]
    (change,) = diff_of_many(twice, scores=scores, of_gap=True).edges.rescored
    assert (change.before, change.after) == (pytest.approx(1.2), pytest.approx(2.4))
    unknown = diff_of_many([graphs[0], sides[1][0]], scores=scores, of_gap=True).edges
    assert "is not known, or 0" in unknown.untold[0, 1]


def test_scores_of_nodes_are_compared_at_the_position_that_chose_the_circuit():
    heads = tuple(Component.parse(f"a{layer}.h{index}") for layer in range(2) for index in range(2))
    measured = np.ones((3, 2, 4), dtype=bool)

    def side(end):
        values = np.zeros((3, 2, 4))
        values[:, 0] = 7  # at the other position, the same
        values[:, 1] = np.array([4, 3, 2, 1]) * end + np.array([[0.0], [0.1], [0.2]])
        nodes = ComponentScores(
            WIRING, heads, ("S1", "END"), values, measured, provenance(method="activation-patching")
        )
        edges = EdgeScores(
            WIRING, np.zeros((3, WIRING.n_edges)), np.ones(WIRING.n_edges, dtype=bool), provenance(method="eap")
        )
        return CircuitGraph.from_scores(edges, TopComponents(2, position="END"), node_scores=nodes), nodes

    (first, nodes), (second, others) = side(1.0), side(-1.0)
    found = diff_of_many([first, second], node_scores=[nodes, others]).nodes
    assert [(change.name, change.is_flipped) for change in found.rescored] == [("a0.h0", True), ("a0.h1", True)]


def test_what_cannot_be_compared_is_refused():
    graph = circuit("input->logits")
    with pytest.raises(ValueError, match="takes two or more"):
        diff_of_many([graph])
    with pytest.raises(ValueError, match="different wirings"):
        diff_of_many(
            [graph, CircuitGraph.from_edges(replace(WIRING, n_layers=3), [Edge.parse("input->logits")])],
        )
    with pytest.raises(ValueError, match="scores of 1 circuits were given for 2"):
        diff_of_many([graph, graph], scores=[None])
