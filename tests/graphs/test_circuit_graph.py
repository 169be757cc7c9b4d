from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Component, Edge, Wiring
from graphs import CircuitEdge, CircuitGraph, CircuitNode, Greedy, Threshold, TopComponents, TopEdges
from graphs.circuit_graph import require_comparable

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
GROUPED = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
WIRINGS = (TINY, GROUPED, Wiring(n_layers=2, n_heads=2, n_kv_heads=1, is_parallel=True))


def edges_named(*names):
    return [Edge.parse(name) for name in names]


@settings(deadline=None, max_examples=40)
@given(which=st.integers(0, len(WIRINGS) - 1), n=st.integers(1, 80), seed=st.integers(0, 99))
def test_every_node_lies_on_a_path_from_input_to_logits(random_edge_scores, which, n, seed):
    graph = CircuitGraph.from_scores(random_edge_scores(WIRINGS[which], seed=seed), TopEdges(n)).to_networkx()
    for node in graph:
        assert nx.has_path(graph, "input", node)
        assert nx.has_path(graph, node, "logits")


def test_several_ports_between_two_heads_are_several_edges():
    graph = CircuitGraph.from_edges(
        TINY,
        edges_named("input->a0.h0<v>", "a0.h0->a1.h1<q>", "a0.h0->a1.h1<k>", "a1.h1->logits"),
    )
    assert sorted(graph.to_networkx()["a0.h0"]["a1.h1"]) == ["k", "q"]
    assert list(graph.to_networkx()["a1.h1"]["logits"]) == [""]


def test_key_value_heads_lead_on_to_the_heads_they_serve_in_the_circuit():
    edges = edges_named("input->a1.kv1<v>", "a1.h2->logits", "a1.h3->logits")
    graph = CircuitGraph.from_edges(GROUPED, edges)
    assert [(str(group), str(head)) for group, head in graph.group_edges] == [("a1.kv1", "a1.h2"), ("a1.kv1", "a1.h3")]
    assert graph.to_networkx()["a1.kv1"]["a1.h2"][""]["kind"] == "group"
    assert graph.n_edges == 3


def test_changing_the_networkx_graph_leaves_the_circuit_as_it_was():
    graph = CircuitGraph.from_edges(TINY, edges_named("input->logits"))
    graph.to_networkx().remove_node("input")
    assert set(graph.to_networkx().nodes) == {"input", "logits"}


def test_nodes_and_edges_are_typed(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 2.0, "a0.h1->logits": -1.0})
    graph = CircuitGraph.from_scores(
        scores, TopEdges(2), node_scores=node_scores_of({"a0.h1": 0.5}), roles={"a0.h1": "induction"}
    )
    assert graph.to_networkx().nodes["a0.h1"] == {
        "kind": "head",
        "layer": 0,
        "index": 1,
        "score": 0.5,
        "low": None,  # one prompt says nothing about others
        "high": None,
        "score_is": "measured",
        "role": "induction",
        "outgoing": -1.0,
        "incoming": 2.0,
        "incoming_q": 0.0,
        "incoming_k": 0.0,
        "incoming_v": 2.0,
    }
    assert graph.to_networkx()["a0.h1"]["logits"][""] == {
        "kind": "edge",
        "port": None,
        "score": -1.0,
        "low": None,
        "high": None,
        "score_is": "estimated",
    }
    assert graph.scored_by == {
        "nodes": {"method": "activation-patching", "scores_are": "measured"},
        "edges": {"method": "eap", "scores_are": "estimated"},
    }


def test_a_node_not_measured_has_no_score_and_one_measured_as_zero_has(edge_scores_of, node_scores_of):
    scores = edge_scores_of(
        {"input->a0.h1<v>": 2.0, "a0.h1->logits": 1.0, "input->a0.h0<v>": 3.0, "a0.h0->logits": 1.0}
    )
    graph = CircuitGraph.from_scores(scores, TopEdges(4), node_scores=node_scores_of({"a0.h1": 0.0}))
    assert {node.name: node.score for node in graph.nodes} == {
        "input": None,
        "a0.h0": None,
        "a0.h1": 0.0,
        "logits": None,
    }


def test_scores_and_intervals_are_those_of_the_edge_scores(random_edge_scores):
    scores = random_edge_scores(GROUPED, seed=1)
    graph = CircuitGraph.from_scores(scores, Greedy(20), level=0.8)
    indices = np.flatnonzero(graph.edge_mask)
    interval = scores.interval(level=0.8)
    # summation order may differ between blocks of columns
    expected = np.column_stack([scores.means, *interval])[indices]
    values = [(edge.score, edge.low, edge.high) for edge in graph.edges]
    assert np.allclose(np.array(values, dtype=float), expected, rtol=1e-9)


def test_what_was_already_selected_gives_the_same_circuit(random_edge_scores):
    scores = random_edge_scores(TINY, seed=2)
    assert CircuitGraph.from_scores(scores, Greedy(9)) == CircuitGraph.from_scores(scores, Greedy(9).choose(scores))


def test_dead_ends_are_left_out_and_say_why():
    graph = CircuitGraph.from_edges(TINY, edges_named("input->logits", "input->a0.h0<q>"))
    assert [node.name for node in graph.nodes] == ["input", "logits"]
    assert graph.left_out == {"a0.h0": "no chosen path leads from it to logits"}


def test_an_empty_circuit_is_a_result_with_a_reason(edge_scores_of):
    graph = CircuitGraph.from_scores(edge_scores_of({"a0.h0->logits": 1.0}), TopEdges(0))
    assert (graph.nodes, graph.edges, graph.to_networkx().number_of_nodes()) == ((), (), 0)
    assert graph.reason is not None
    assert "path from input to logits" in graph.reason


def test_description_says_edges_the_weakest_or_the_threshold_and_faithfulness(edge_scores_of):
    scores = edge_scores_of({"input->a0.h1<v>": 2.0, "a0.h1->logits": -0.125})
    graph = CircuitGraph.from_scores(scores, TopEdges(2), faithfulness=0.875)
    # 2 layers x 6 ports and logits; 1 writer before layer 0, 3 before layer 1, 5 before logits
    assert graph.description == "2 of 29 edges, weakest 0.125, faithfulness 0.88"
    with_interval = graph.with_evaluation(
        faithfulness=0.875, metrics={"faithfulness_low": 0.5, "faithfulness_high": 1.25}
    )
    assert with_interval.description.endswith(", faithfulness 0.88 [0.50, 1.25]")
    asked_for = CircuitGraph.from_scores(scores, Threshold(0.1))
    assert asked_for.description == "2 of 29 edges, threshold 0.1, weakest 0.125, faithfulness not measured"
    by_hand = CircuitGraph.from_edges(TINY, edges_named("input->logits"))
    assert by_hand.description == "1 of 29 edges, faithfulness not measured"


def test_evaluation_is_added_without_changing_the_circuit():
    graph = CircuitGraph.from_edges(TINY, edges_named("input->logits"))
    measured = graph.with_evaluation(faithfulness=0.5, metrics={"clean": 3.0, "corrupt": -1.0})
    assert (graph.faithfulness, measured.faithfulness) == (None, 0.5)
    assert measured.edges == graph.edges


def test_the_method_named_is_the_one_whose_scores_chose_the_circuit(edge_scores_of, node_scores_of):
    scores, nodes = edge_scores_of({}), node_scores_of({"a0.h0": 1.0})
    assert CircuitGraph.from_scores(scores, TopEdges(9), node_scores=nodes).method == "eap"
    assert CircuitGraph.from_scores(scores, TopComponents(1), node_scores=nodes).method == "activation-patching"


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (["a0.h0", "logits"], ["a0.h0->logits"], "a0.h0->logits lie on no path"),
        (["input", "a0.h0", "logits"], ["a0.h0->logits", "input->a0.h0<v>"], "edges out of order"),
        (["input"], ["input->logits"], "nodes are not exactly the components"),
        (["input", "logits"], ["logits->a0.h0<q>"], "no edge starts from logits"),
    ],
)
def test_what_is_no_circuit_is_refused(nodes, edges, message):
    with pytest.raises(ValueError, match=message):
        CircuitGraph(
            TINY,
            tuple(CircuitNode(Component.parse(name)) for name in nodes),
            tuple(CircuitEdge(Edge.parse(name)) for name in edges),
        )


def test_a_number_that_is_not_finite_is_refused():
    graph = CircuitGraph.from_edges(TINY, edges_named("input->logits"))
    with pytest.raises(ValueError, match="faithfulness is nan: circuits hold finite numbers"):
        graph.with_evaluation(faithfulness=float("nan"))


def test_circuits_of_different_wirings_say_what_can_still_be_compared():
    one = CircuitGraph.from_edges(TINY, edges_named("input->a0.h0<v>", "a0.h0->logits"), roles={"a0.h0": "mover"})
    other = CircuitGraph.from_edges(GROUPED, edges_named("input->logits"))
    with pytest.raises(ValueError, match="different wirings") as error:
        require_comparable(one, other)
    assert (
        "Still comparable: size, depth and roles. First: 2 of 29 edges, 1 of 4 heads (1/0/0 in the lower/middle/upper "
        "third of layers), 1 mover." in str(error.value)
    )


def test_circuits_of_different_weights_are_comparable_only_on_request(edge_scores_of):
    one = CircuitGraph.from_scores(edge_scores_of({}), TopEdges(29))
    other = replace(one, provenance=edge_scores_of({}, model_fingerprint="another").provenance)
    with pytest.raises(ValueError, match=r"different weights.*across_models=True"):
        require_comparable(one, other)
    require_comparable(one, other, across_models=True)
