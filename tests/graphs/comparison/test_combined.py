"""Union, core and consensus of circuits."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, consensus_of, core_of, union_of
from graphs.export import exporter
from graphs.export.json import JsonExport
from graphs.figures.chosen_by import chosen_by

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)


def circuit(*names):
    return CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in names])


def names_of(graph):
    return {edge.name for edge in graph.edges}


@settings(deadline=None, max_examples=20)
@given(seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_cores_shrink_from_the_union_to_the_edges_of_all(random_edge_scores, seeds):
    graphs = [CircuitGraph.from_scores(random_edge_scores(WIRING, seed=seed), Greedy(25)) for seed in seeds]
    cores = [names_of(core_of(graphs, least)) for least in range(1, len(graphs) + 1)]
    assert cores[0] == names_of(union_of(graphs)) == set.union(*map(names_of, graphs))
    assert all(later <= earlier for earlier, later in itertools.pairwise(cores))
    assert cores[-1] <= set.intersection(*map(names_of, graphs))
    majority = names_of(consensus_of(graphs))
    assert majority <= names_of(core_of(graphs, len(graphs) // 2 + 1))


def test_the_core_of_one_circuit_is_itself(random_edge_scores):
    graph = CircuitGraph.from_scores(random_edge_scores(WIRING, seed=1), Greedy(20))
    for combined in (union_of([graph]), core_of([graph, graph], 2), consensus_of([graph])):
        assert [(edge.name, edge.score) for edge in combined.edges] == [(edge.name, edge.score) for edge in graph.edges]


def test_scores_are_means_over_the_circuits_that_hold_the_edge(edge_scores_of):
    held = ({"input->logits": 1.0, "input->m0": 4.0, "m0->logits": 4.0}, {"input->logits": 2.0})
    graphs = [CircuitGraph.from_scores(edge_scores_of(scored, wiring=WIRING), TopEdges(len(scored))) for scored in held]
    assert {edge.name: edge.score for edge in union_of(graphs).edges} == {
        "input->logits": 1.5,
        "input->m0": 4.0,
        "m0->logits": 4.0,
    }
    other_units = CircuitGraph.from_scores(edge_scores_of(held[1], wiring=WIRING, metric="kl-divergence"), TopEdges(1))
    assert {edge.score for edge in union_of([graphs[0], other_units]).edges} == {None}


def test_an_edge_with_two_signs_is_no_consensus(edge_scores_of):
    graphs = [
        CircuitGraph.from_scores(edge_scores_of({"input->logits": score}, wiring=WIRING), TopEdges(1))
        for score in (1.0, 2.0, -1.0)
    ]
    assert names_of(core_of(graphs, 3)) == {"input->logits"}
    nothing = consensus_of(graphs)
    assert names_of(nothing) == set()
    assert nothing.reason == "no edges of the consensus make a path from input to logits."
    assert names_of(consensus_of(graphs[:2])) == {"input->logits"}


def test_edges_that_lie_on_no_path_any_more_are_dropped():
    first, second = circuit("input->m0", "m0->logits"), circuit("input->m0", "m0->m1", "m1->logits")
    shared = core_of([first, second], 2)
    assert names_of(shared) == set()
    assert "m0" in shared.left_out


def test_what_is_combined_says_how_it_was_made_and_survives_every_export(edge_scores_of):
    tasks = ("ioi", "docstring")
    graphs = [
        CircuitGraph.from_scores(edge_scores_of({"input->logits": 1.0}, wiring=WIRING, task=task), TopEdges(1))
        for task in tasks
    ]
    combined = core_of(graphs, 2)
    assert combined.label == "ioi + docstring"
    assert chosen_by(combined.selection) == "chosen: edges in at least 2 of 2 circuits"
    assert JsonExport().from_bytes(JsonExport().to_bytes(combined)) == combined
    for kind in ("graphml", "svg"):
        assert exporter(kind).to_bytes(combined) == exporter(kind).to_bytes(core_of(graphs, 2))
    lines = exporter("csv").to_bytes(combined).decode().splitlines()
    assert lines[1:] == [
        'input,input,1.0,,,"estimated, summed over all outgoing edges",eap,true,,,,,,1.0,,,,',
        'logits,logits,1.0,,,"estimated, summed over all incoming edges",eap,true,,,,,,,1.0,,,',
        "input->logits,edge,1.0,,,estimated,eap,true,input,logits,,,,,,,,",
    ]


def test_a_core_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="a core of edges in 3 of 2 circuits: give 1 to 2"):
        core_of([circuit("input->logits")] * 2, 3)
    with pytest.raises(ValueError, match="nothing to combine"):
        union_of([])


def test_effects_of_components_are_not_averaged_with_sums_of_edges(edge_scores_of, node_scores_of):
    edges = edge_scores_of({"input->a0.h0<v>": 1.0, "a0.h0->logits": 3.0}, wiring=WIRING)
    of_edges = CircuitGraph.from_scores(edges, TopEdges(2))
    nodes = node_scores_of({"a0.h0": 8.0}, wiring=WIRING)
    of_components = CircuitGraph.from_scores(edges, TopEdges(2), node_scores=nodes)
    (head,) = (node for node in union_of([of_edges, of_components]).nodes if node.name == "a0.h0")
    assert head.score is None
    assert [(one.name, one.score) for one in head.sums[:2]] == [("outgoing", 3.0), ("incoming", 1.0)]
