"""Circuits of whole layers: their wiring, joining the heads of a circuit, what two of them share by chance."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.components import Component, Edge, Wiring
from circuits.scores import ComponentScores, EdgeScores
from graphs import CircuitGraph, compare
from graphs.export.json import JsonExport
from graphs.selection import ComponentThreshold
from tests.graphs.conftest import provenance

LAYERS = Wiring(3, 1, 1, joins_heads=True)


def scored(values: dict[str, float], position: str = "END", wiring: Wiring = LAYERS) -> CircuitGraph:
    """The graph of the layers with these scores; the others have 0."""
    parts = [part for part in wiring.writers if part.layer is not None]
    row = np.array([[[values.get(str(part), 0.0) for part in parts]]] * 4, dtype=np.float32)
    nodes = ComponentScores(wiring, tuple(parts), (position,), row, np.ones(row.shape, dtype=bool), provenance())
    edges = EdgeScores(
        wiring, np.zeros((4, wiring.n_edges), dtype=np.float32), np.zeros(wiring.n_edges, dtype=bool), provenance()
    )
    return CircuitGraph.from_scores(edges, ComponentThreshold(0.1, position=position), node_scores=nodes)


def test_a_layer_writes_and_reads_once_through_its_attention_and_once_through_its_mlp():
    assert [str(part) for part in LAYERS.writers] == ["input", "a0", "m0", "a1", "m1", "a2", "m2"]
    assert [str(reader) for reader in LAYERS.readers] == ["a0", "m0", "a1", "m1", "a2", "m2", "logits"]
    # a0 reads the input, m0 that and a0, ...: 1 + 2 + ... + 7
    assert LAYERS.n_edges == 28
    assert all(LAYERS.edge_index(edge) == number for number, edge in enumerate(LAYERS.edges))


def test_in_parallel_blocks_the_mlp_does_not_read_the_attention_of_its_layer():
    wiring = Wiring(2, 4, 4, is_parallel=True).by_layer
    assert wiring.is_parallel
    with pytest.raises(ValueError, match="runs backwards"):
        wiring.edge_index(Edge.parse("a0->m0"))


def test_joined_heads_are_one():
    with pytest.raises(ValueError, match="set n_heads=1"):
        Wiring(3, 4, 4, joins_heads=True)
    assert Wiring(3, 4, 2).by_layer == LAYERS
    assert LAYERS.by_layer == LAYERS


def test_the_layers_of_high_score_are_the_nodes_with_all_edges_between_them():
    graph = scored({"a0": 0.5, "m1": -0.3, "a2": 0.05})
    assert [node.name for node in graph.nodes] == ["input", "a0", "m1", "logits"]
    assert {node.name: node.score for node in graph.nodes if node.score is not None} == pytest.approx(
        {"a0": 0.5, "m1": -0.3}
    )
    assert {edge.name for edge in graph.edges} == {
        "input->a0",
        "input->m1",
        "input->logits",
        "a0->m1",
        "a0->logits",
        "m1->logits",
    }
    assert graph.heads == (Component("attention", 0),)


def test_a_graph_of_layers_is_kept_as_json():
    graph = scored({"a0": 0.5, "m1": -0.3})
    assert JsonExport().from_bytes(JsonExport().to_bytes(graph), source="memory") == graph


def test_joining_the_heads_of_a_circuit_keeps_its_layers():
    wiring = Wiring(3, 4, 2)
    names = ["input->a0.h1<q>", "input->a0.kv0<v>", "a0.h1->a2.h3<q>", "a2.h3->logits", "a0.h1->m2", "m2->logits"]
    graph = CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    layers = graph.by_layer()
    assert {edge.name for edge in layers.edges} == {
        "input->a0",
        "a0->a2",
        "a2->logits",
        "a0->m2",
        "m2->logits",
    }
    assert layers.wiring == wiring.by_layer
    assert layers.by_layer() is layers


def test_which_layers_two_circuits_share_is_compared_with_layers_drawn_at_random():
    layer_overlap = compare(scored({"a0": 1, "a1": 1}), scored({"a1": 1, "m2": 1})).reuse.heads
    assert layer_overlap.shared == ("a1",)
    # Two of three against one of three: drawn at random, two thirds of a layer are shared.
    assert layer_overlap.expected == pytest.approx(2 / 3)
    assert layer_overlap.p_value == pytest.approx(2 / 3)


def test_a_circuit_of_heads_and_one_of_layers_are_told_apart():
    heads = CircuitGraph.from_edges(Wiring(3, 4, 4), [Edge.parse("input->logits")])
    with pytest.raises(ValueError, match="3 layers with their heads joined"):
        compare(scored({"a0": 1}), heads)
