"""Whatever a circuit holds is read back from every file that keeps it, and the same circuit gives the same bytes."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Wiring
from circuits.scores import Provenance
from graphs import CircuitGraph
from graphs.circuit_graph import CircuitEdge, CircuitNode
from graphs.export import EXPORTS, ReadableExport, about, mib_graph, read_about
from graphs.export.looks import looks_of

WIRINGS = (
    Wiring(n_layers=1, n_heads=1, n_kv_heads=1, has_mlps=False),
    Wiring(n_layers=1, n_heads=2, n_kv_heads=1),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=3, n_heads=2, n_kv_heads=2, is_parallel=True),
)
FOR_PROGRAMS = ("graphml", "gexf", "cytoscape", "dot", "json")
# Zero, the smallest and the largest, and both signs; None is not measured.
numbers = st.floats(allow_nan=False, allow_infinity=False)
scores = st.none() | st.just(0.0) | numbers
# XML holds no control characters but these.
names = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n\r"), min_size=1, max_size=12)


@st.composite
def circuits(draw: st.DrawFn) -> CircuitGraph:
    """Any circuit: a share of the edges, with or without scores and intervals, and names of all sorts."""
    wiring = draw(st.sampled_from(WIRINGS))
    kept = draw(st.lists(st.sampled_from(wiring.edges), max_size=25))
    source = Provenance(
        draw(st.sampled_from(("eap", "exact-edges"))),
        {"steps": draw(st.integers()), draw(names): draw(names)},
        draw(names),
        draw(st.text(max_size=12)),
        "0123456789abcdef",
        draw(st.text(st.characters(exclude_categories=("Cs",)), max_size=12)),
        "prompts",
        scores_are="estimated",
    )
    plain = CircuitGraph.from_edges(wiring, kept, provenance=source)

    def scored(item: Any) -> Any:
        score = draw(scores)
        ends = (None, None) if score is None else draw(st.just((None, None)) | st.tuples(numbers, numbers))
        return replace(item, score=score, low=ends[0], high=ends[1])

    def with_role(node: CircuitNode) -> CircuitNode:
        return replace(scored(node), role=draw(st.none() | names))

    edges: tuple[CircuitEdge, ...] = tuple(map(scored, plain.edges))
    return replace(
        plain,
        edges=edges,
        nodes=tuple(map(with_role, plain.nodes)),
        selection={"name": "given", draw(names): draw(names)},
        faithfulness=draw(st.none() | numbers),
        metrics={"clean": draw(numbers)},
        node_provenance=replace(source, method="activation-patching", scores_are="measured"),
    )


@settings(deadline=None, max_examples=60)
@given(circuit=circuits(), command=st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_a_circuit_is_read_back_equal_and_says_what_it_came_from(circuit: CircuitGraph, command: str | None):
    for name, export in EXPORTS.items():
        if isinstance(export, ReadableExport):
            data = export.to_bytes(circuit, command=command)
            assert export.from_bytes(data) == circuit, name
            said = read_about(data, source="x") if command is not None or name != "json" else about(circuit)
            assert said == json.loads(json.dumps(about(circuit, command)))


@settings(deadline=None, max_examples=40)
@given(circuit=circuits())
def test_the_same_circuit_gives_the_same_bytes(circuit: CircuitGraph):
    for name in FOR_PROGRAMS:
        assert EXPORTS[name].to_bytes(circuit) == EXPORTS[name].to_bytes(replace(circuit)), name


def values_of(name: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Name of a node or an edge -> its attributes in the file, by the reader of another package where there is one."""
    read = {
        "graphml": lambda stream: nx.read_graphml(stream, force_multigraph=True),
        "gexf": nx.read_gexf,
        "cytoscape": lambda stream: nx.cytoscape_graph(json.load(stream)),
    }[name]
    flat = read(io.BytesIO(data))
    assert flat.is_directed()
    return dict(flat.nodes(data=True)), {values.get("name"): values for *_, values in flat.edges(data=True)}


@pytest.mark.parametrize("name", ["graphml", "gexf", "cytoscape"])
@settings(deadline=None, max_examples=25)
@given(circuit=circuits())
def test_other_programs_find_every_number_where_it_was_measured_and_none_where_not(name: str, circuit: CircuitGraph):
    if not circuit.edges:
        return
    nodes, edges = values_of(name, EXPORTS[name].to_bytes(circuit))
    assert set(nodes) == {node.name for node in circuit.nodes}
    for item, values in ((item, edges[item.name]) for item in circuit.edges):
        assert [values.get(key) for key in ("score", "low", "high")] == [item.score, item.low, item.high]
        assert values["weight"] == (1.0 if item.score is None else abs(item.score))
        assert values.get("measured_by") == (None if item.score is None else circuit.provenance.method)
        assert (values.get("port"), values["kind"]) == (item.edge.port, "edge")
        assert re.fullmatch("#[0-9a-fA-F]{6}", values["color"])
        assert values["width"] > 0
    for node in circuit.nodes:
        values = nodes[node.name]
        assert (values.get("score"), values.get("role")) == (node.score, node.role)
        assert values.get("measured_by") == (None if node.score is None else "activation-patching")
        assert values.get("layer") == node.component.layer
        assert values.get("head") == (node.component.index if node.component.is_head else None)


@settings(deadline=None, max_examples=30)
@given(circuit=circuits())
def test_mib_keeps_the_edges_and_their_scores(circuit: CircuitGraph):
    if not circuit.edges or circuit.wiring.is_grouped:
        return
    again, _ = mib_graph(EXPORTS["mib"].to_bytes(circuit), source="x")
    assert [(item.name, item.score) for item in again.edges] == [(item.name, item.score) for item in circuit.edges]
    own = [node.score for node in circuit.nodes]
    if any(score is not None for score in own):  # else nodes have the sums of their edges
        assert [node.score for node in again.nodes] == own


def test_yed_draws_nodes_where_the_figure_has_them(random_edge_scores: Any):
    from graphs import Greedy

    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[2], seed=1), Greedy(30))
    root = ElementTree.fromstring(EXPORTS["graphml"].to_bytes(circuit))
    yed = "{http://www.yworks.com/xml/graphml}"
    looks, _ = looks_of(circuit)
    shapes = {
        next(node.iter(f"{yed}NodeLabel")).text: node
        for node in root.iter("{http://graphml.graphdrawing.org/xmlns}node")
    }
    assert set(shapes) == {node.name for node in circuit.nodes}
    for name, node in shapes.items():
        box = {key: float(value) for key, value in next(node.iter(f"{yed}Geometry")).items()}
        middle = (box["x"] + box["width"] / 2, -(box["y"] + box["height"] / 2))
        assert middle == pytest.approx((72 * looks[str(name)].x, 72 * looks[str(name)].y), abs=0.2)
        assert next(node.iter(f"{yed}Fill")).get("color") == looks[str(name)].color
    lines = [line.get("color") for line in root.iter(f"{yed}LineStyle")]
    assert len(lines) == circuit.n_edges + len(circuit.group_edges)


def test_what_xml_cannot_hold_is_shown_as_its_escape():
    wiring = WIRINGS[1]
    circuit = CircuitGraph.from_edges(wiring, [wiring.edges[-1]], roles={"m0": "a\x1bb\x00c"})
    read = nx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(circuit, command="x\udcff\x07")))
    assert read.graph["command"] == r"x\udcff\x07"
    part = CircuitGraph.from_edges(wiring, wiring.edges).nodes[0].name
    circuit = CircuitGraph.from_edges(wiring, wiring.edges, roles={part: "a\x1bb\x00c"})
    gexf = nx.read_gexf(io.BytesIO(EXPORTS["gexf"].to_bytes(circuit)))
    assert r"a\x1bb\x00c" in {data.get("role") for _, data in gexf.nodes(data=True)}
