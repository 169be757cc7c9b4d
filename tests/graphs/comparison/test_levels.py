from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, TopComponents, TopEdges, reuse
from graphs.comparison.levels import edge_strata, levels, parts_of
from tests.graphs.conftest import TINY

WITH_MLPS = Wiring(n_layers=2, n_heads=2, n_kv_heads=1)


def circuit(*names, wiring=WITH_MLPS):
    return CircuitGraph.from_edges(wiring, map(Edge.parse, names))


def test_nodes_are_heads_and_mlps_alone():
    a = circuit("input->a0.kv0<v>", "a0.h0->m1", "m1->logits")
    b = circuit("input->m1", "m1->logits")
    heads, nodes, edges = levels(a, b)
    assert nodes.names(nodes.in_a) == ("a0.h0", "m1")
    assert nodes.names(nodes.in_b) == ("m1",)
    assert (heads.n_a, heads.n_b, edges.n_shared) == (1, 0, 1)
    assert edges.names(edges.in_a & edges.in_b) == ("m1->logits",)
    assert len(set(nodes.layers)) == 4  # a kind in a layer is a stratum


def test_parts_of_many_circuits_are_those_of_each():
    graphs = [circuit("input->a0.kv0<v>", "a0.h0->m1", "m1->logits"), circuit("input->m1", "m1->logits"), circuit()]
    parts = parts_of(WITH_MLPS, np.stack([graph.edge_mask for graph in graphs]))
    names = [{str(part) for part, is_in in zip(WITH_MLPS.writers, row, strict=True) if is_in} for row in parts]
    assert names == [{"input", "a0.h0", "m1"}, {"input", "m1"}, set()]


def test_strata_of_edges_know_layers_and_ports():
    layers, ports = edge_strata(WITH_MLPS)
    numbers = {str(edge): number for number, edge in enumerate(WITH_MLPS.edges)}
    q0, q1, k = (numbers[name] for name in ("input->a1.h0<q>", "input->a1.h1<q>", "input->a1.kv0<k>"))
    assert layers[q0] == layers[q1] == layers[k] != layers[numbers["input->a0.h0<q>"]]
    assert ports[q0] == ports[q1] != ports[k]
    assert layers[numbers["a0.h0->logits"]] == layers[numbers["m0->logits"]] != layers[numbers["a1.h0->logits"]]


@pytest.fixture
def staged(edge_scores_of, node_scores_of):
    """`staged(first, second)`: scores of two heads passed on by two stages of path patching, and of their edges."""

    def build(first, second, **settings):
        settings = {"stages": ("queries",), "top": 1, **settings}
        nodes = node_scores_of(dict.fromkeys(("a0.h0", "a0.h1", "a1.h0", "a1.h1"), 0.0), method="path-patching")
        per_prompt = np.stack([first, second, second])[None].astype(float)
        nodes = replace(
            nodes,
            positions=("logits", "queries", "all"),
            per_prompt=per_prompt,
            measured=np.ones(per_prompt.shape, dtype=bool),
            provenance=replace(nodes.provenance, settings=settings),
        )
        return edge_scores_of({"a0.h0->logits": 1.0}), nodes

    return build


def test_stages_of_path_patching_are_levels(staged):
    (edges, a), (_, b) = staged([1, 0, 3, 0], [0.5, -2, 0, 0]), staged([0, 0, 2, 1], [1, 0, 0, 0])
    graph = CircuitGraph.from_scores(edges, TopComponents(1), node_scores=a)
    stages = dict(reuse(graph, graph, scores=(edges, edges), node_scores=(a, b), resamples=0).stages)
    assert list(stages) == ["stage logits", "stage queries"]  # each head once more in `all` is none
    assert stages["stage logits"].shared == ("a1.h0",)
    assert (stages["stage queries"].shared, stages["stage queries"].n_a) == ((), 1)
    assert stages["stage queries"].measures["cosine"] == pytest.approx(0.5 / np.sqrt(0.25 + 4))
    assert stages["stage logits"].p_value == pytest.approx(1 / 2)  # one of the two heads of its layer
    assert stages["stage logits"].scores_are == ("measured effects (path-patching)",) * 2


def test_runs_without_stages_have_no_such_level(staged, edge_scores_of):
    (edges, a), (_, b) = staged([1, 0, 3, 0], [0, 1, 0, 0]), staged([1, 0, 3, 0], [0, 1, 0, 0], stages=())
    graph = CircuitGraph.from_scores(edges, TopEdges(29))
    assert reuse(graph, graph, scores=(edges, edges), node_scores=(a, b), resamples=0).stages == ()
    assert graph.wiring == TINY
