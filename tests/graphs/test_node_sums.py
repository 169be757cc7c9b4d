"""Sums of the edges of a node, worked out by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from circuits.components import INPUT, LOGITS, Component, Wiring, head
from circuits.intervals import t_interval
from circuits.scores import ComponentScores
from graphs import CircuitGraph, TopEdges
from graphs.export.json import JsonExport
from graphs.node_sums import SUMS, edge_sums

GROUPED = Wiring(n_layers=1, n_heads=2, n_kv_heads=1)
PARALLEL = Wiring(n_layers=2, n_heads=2, n_kv_heads=1, is_parallel=True)
SCORED = {
    "input->a0.h0<q>": 1.0,
    "input->a0.kv0<k>": 2.0,
    "input->a0.kv0<v>": 4.0,
    "a0.h0->m0": 8.0,
    "a0.h0->logits": -16.0,
    "m0->logits": 32.0,
}


def of(sums):
    return {one.name: one.score for one in sums}


def test_outgoing_incoming_and_ports_are_summed_apart(edge_scores_of):
    kv = Component("kv", 0, 0)
    sums = edge_sums(edge_scores_of(SCORED, wiring=GROUPED), [INPUT, kv, head(0, 0), LOGITS])
    assert of(sums[INPUT]) == {"outgoing": 7.0}
    # With shared keys and values a head reads its queries alone, and the key-value head writes nothing itself.
    assert of(sums[head(0, 0)]) == {"outgoing": -8.0, "incoming": 1.0, "incoming_q": 1.0}
    assert of(sums[kv]) == {"incoming": 6.0, "incoming_k": 2.0, "incoming_v": 4.0}
    assert of(sums[LOGITS]) == {"incoming": 16.0}


@pytest.mark.parametrize("wiring", [GROUPED, PARALLEL, PARALLEL.by_layer, Wiring(2, 2, 2, has_mlps=False)])
def test_sums_are_over_all_edges_and_their_intervals_over_prompts(random_edge_scores, wiring):
    scores = random_edge_scores(wiring, seed=3)
    graph = CircuitGraph.from_scores(scores, TopEdges(5))
    assert graph.nodes
    for node in graph.nodes:
        ends = {"outgoing": lambda edge: edge.source, "incoming": lambda edge: edge.target}
        for one in node.sums:
            side, _, port = one.name.partition("_")
            own = [ends[side](edge) == node.component and port in ("", edge.port) for edge in wiring.edges]
            of_prompts = scores.per_prompt[:, np.array(own)].sum(axis=1)
            expected = [of_prompts.mean(), *t_interval(of_prompts[:, None]).item(0)]
            assert [one.score, one.low, one.high] == pytest.approx(expected)
        # what ranks nodes is the first of their sums
        assert (node.score, node.low, node.high) == (node.sums[0].score, node.sums[0].low, node.sums[0].high)


def test_outgoing_sums_are_the_node_scores_of_the_edges(random_edge_scores):
    scores = random_edge_scores(PARALLEL, seed=1)
    sums = edge_sums(scores, PARALLEL.writers)
    assert [sums[part][0].score for part in PARALLEL.writers] == pytest.approx(scores.node_scores().means[0])


def test_edges_that_were_not_measured_add_nothing_and_a_side_without_any_has_no_sum(edge_scores_of):
    unmeasured = ("m0->logits", "input->m0", "a0.h0->m0", "a0.h1->m0")
    sums = edge_sums(edge_scores_of({"a0.h0->logits": 2.0}, wiring=GROUPED, unmeasured=unmeasured), GROUPED.writers)
    assert of(sums[head(0, 0)]) == {"outgoing": 2.0, "incoming": 0.0, "incoming_q": 0.0}
    assert of(sums[Component("mlp", 0)]) == {}


def test_a_head_s_own_effect_stays_its_score_and_its_sums_stand_beside_it(edge_scores_of, node_scores_of):
    edges = edge_scores_of(SCORED, wiring=GROUPED)
    own = node_scores_of({"a0.h0": 5.0}, wiring=GROUPED)
    graph = CircuitGraph.from_scores(edges, TopEdges(6), node_scores=own)
    nodes = {node.name: node for node in graph.nodes}
    assert (nodes["a0.h0"].score, graph.score_is(nodes["a0.h0"])) == (5.0, "measured")
    assert of(nodes["a0.h0"].sums)["outgoing"] == -8.0
    # Numbers of two methods are not mixed: what the component method did not score has none.
    assert (nodes["m0"].score, of(nodes["m0"].sums)["outgoing"]) == (None, 32.0)


def test_what_ranks_components_by_sums_says_so_as_every_circuit_of_edges_does(edge_scores_of):
    edges = edge_scores_of(SCORED, wiring=GROUPED)
    sums: ComponentScores = edges.node_scores()
    for graph in (
        CircuitGraph.from_scores(edges, TopEdges(6)),
        CircuitGraph.from_scores(edges, TopEdges(6), node_scores=sums),
    ):
        said = {node.name: (node.score, graph.score_is(node)) for node in graph.nodes}
        assert said["a0.h0"] == (-8.0, "estimated, summed over all outgoing edges")
        assert said["a0.kv0"] == (6.0, "estimated, summed over all incoming edges")
        assert graph.scored_by["nodes"] == graph.scored_by["edges"]


def test_a_circuit_of_a_file_without_sums_gets_them_from_its_scores(random_edge_scores):
    scores = random_edge_scores(PARALLEL, seed=2)
    graph = CircuitGraph.from_scores(scores, TopEdges(9))
    document = json.loads(JsonExport().to_bytes(graph))
    assert {name for node in document["nodes"] for name in node["sums"]} == set(SUMS)
    for node in document["nodes"]:
        node.update(dict.fromkeys(("score", "low", "high", "score_is")))
        del node["sums"]
    older = JsonExport().from_bytes(json.dumps(document | {"version": 2}).encode())
    assert isinstance(older, CircuitGraph)
    assert older == replace(
        graph, nodes=tuple(replace(n, score=None, low=None, high=None, sums=()) for n in graph.nodes)
    )
    assert older.with_sums(scores) == graph
    with pytest.raises(ValueError, match="use those it was chosen from"):
        older.with_sums(random_edge_scores(GROUPED, seed=2))
