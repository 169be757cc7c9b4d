"""Circuits in files of EAP-IG and MIB, written and read back."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, compare
from graphs.export import EXPORTS, caption, mib_graph, read_about
from tests.circuits.circuit_files import circuit_file, require_loadable

# Groups of two heads, whose halves are exact.
WIRINGS = (
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=1, n_heads=2, n_kv_heads=2, has_mlps=False),
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2, is_parallel=True),
)
MIB = EXPORTS["mib"]
# A folder with `src/eap/graph.py`: their own loader reads the file there.
THEIR_TOOL = os.environ.get("CIRCUITS_EAP_IG")


def scored(graph: CircuitGraph) -> dict[str, float | None]:
    return {item.name: item.score for item in graph.edges}


@settings(deadline=None, max_examples=30)
@given(which=st.integers(0, 3), n=st.integers(1, 70), seed=st.integers(0, 99))
def test_edges_and_their_scores_are_read_back(random_edge_scores: Any, which: int, n: int, seed: int):
    scores = random_edge_scores(WIRINGS[which], seed=seed)
    circuit = CircuitGraph.from_scores(scores, Greedy(n))
    data = MIB.to_bytes(circuit, scores=[scores])
    require_loadable(json.loads(data))
    again, read = mib_graph(data, source="x.json")
    assert (again.wiring, scored(again)) == (circuit.wiring, scored(circuit))
    assert read.means.tolist() == scores.means.tolist()
    assert read.measured.all()
    assert [node.name for node in again.nodes] == [node.name for node in circuit.nodes]
    assert MIB.to_bytes(again, scores=[read]) == MIB.to_bytes(again, scores=[read])


def test_negative_zero_and_unmeasured_scores_differ(edge_scores_of: Any):
    scores = edge_scores_of({"input->logits": -2.0}, unmeasured=("input->a0.h0<v>",))
    edges = [Edge.parse(name) for name in ("input->logits", "input->a0.h0<v>", "a0.h0->logits")]
    circuit = CircuitGraph.from_edges(scores.wiring, edges)
    again, _ = mib_graph(MIB.to_bytes(circuit, scores=[scores]), source="x.json")
    assert scored(again) == {"input->a0.h0<v>": None, "input->logits": -2.0, "a0.h0->logits": 0.0}


def test_a_circuit_without_scores_has_only_its_own_edges():
    edges = [Edge.parse("input->a1.kv1<v>"), Edge.parse("a1.h2->logits")]
    document = json.loads(MIB.to_bytes(CircuitGraph.from_edges(WIRINGS[1], edges)))
    require_loadable(document)
    assert list(document["edges"]) == ["input->a1.h2<v>", "input->a1.h3<v>", "a1.h2->logits"]
    assert all(said == {"score": 0.0, "in_graph": True, "measured": False} for said in document["edges"].values())


def test_effects_of_heads_are_their_scores_in_the_file(edge_scores_of: Any, node_scores_of: Any):
    nodes = node_scores_of({"a0.h0": 2.0}, unmeasured=("a0.h1",))
    edges = edge_scores_of({"input->a0.h0<v>": 1.0, "a0.h0->logits": 0.5})
    circuit = CircuitGraph.from_scores(edges, TopEdges(2), node_scores=nodes)
    again, _ = mib_graph(MIB.to_bytes(circuit, scores=[nodes, edges]), source="x.json")
    assert {node.name: node.score for node in again.nodes} == {"input": None, "a0.h0": 2.0, "logits": None}


def test_it_says_where_it_came_from(random_edge_scores: Any):
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[0], seed=1), Greedy(9))
    said = read_about(MIB.to_bytes(circuit, command="circuits discover ioi"), source="x.json")
    assert (said["command"], said["circuit"]["edges"]) == ("circuits discover ioi", circuit.n_edges)


def test_a_circuit_of_another_tool_is_drawn_with_the_sums_of_its_edges():
    names = ["input->a0.h1<v>", "a0.h1->logits", "a1.h0->m1"]
    document = circuit_file(WIRINGS[0], names)
    circuit, scores = mib_graph(json.dumps(document).encode(), source="some/theirs.json")
    assert [item.name for item in circuit.edges] == names[:2]
    assert set(circuit.left_out) == {"a1.h0", "m1"}
    assert circuit.label == "theirs"
    (own,) = (node for node in circuit.nodes if node.name == "a0.h1")
    outgoing = (said["score"] for name, said in document["edges"].items() if name.startswith("a0.h1->"))
    assert own.score == pytest.approx(sum(outgoing), rel=1e-12)
    for name in ("graphml", "csv", "svg"):
        assert EXPORTS[name].to_bytes(circuit, scores=[scores])


def test_what_the_format_cannot_hold_is_refused(random_edge_scores: Any):
    scores = random_edge_scores(WIRINGS[0], seed=1)
    circuit = CircuitGraph.from_scores(scores, Greedy(9))
    with pytest.raises(ValueError, match="one circuit, and this is a comparison"):
        MIB.to_bytes(compare(circuit, circuit))
    with pytest.raises(ValueError, match="list single heads"):
        MIB.to_bytes(circuit.by_layer())
    with pytest.raises(ValueError, match=r"scores of 2 layers of 4 heads .* give the scores it came from"):
        MIB.to_bytes(circuit, scores=[random_edge_scores(WIRINGS[1], seed=1)])


def test_a_file_without_a_circuit_is_refused_by_name():
    with pytest.raises(ValueError, match=r"x\.json: none of its \d+ edges is in the circuit"):
        mib_graph(json.dumps(circuit_file(WIRINGS[0], [])).encode(), source="x.json")
    with pytest.raises(ValueError, match=r"x\.json: not JSON, or cut short"):
        mib_graph(b"{", source="x.json")


def test_a_caption_does_not_say_what_the_file_does_not():
    graph, _ = mib_graph(json.dumps(circuit_file(WIRINGS[0], ("input->logits",))).encode(), source="x.json")
    said = caption(graph)
    assert said.startswith("The circuit called x, whose model is not recorded: 1 of ")
    assert "The metric, and what ablated activations are, are not recorded." in said
    assert "corrupted prompts" not in said


@pytest.mark.slow
@pytest.mark.skipif(THEIR_TOOL is None, reason="CIRCUITS_EAP_IG names no checkout of EAP-IG")
@pytest.mark.parametrize("wiring", WIRINGS)
def test_their_own_loader_reads_the_same(
    random_edge_scores: Any, wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Its graph asks TransformerLens 2 for two classes, to tell models from mappings.
    names = ("HookedTransformer", "HookedTransformerConfig")
    lens = ModuleType("transformer_lens")
    vars(lens).update({name: type(name, (), {}) for name in names})
    monkeypatch.setitem(sys.modules, "transformer_lens", lens)
    monkeypatch.syspath_prepend(str(Path(str(THEIR_TOOL)) / "src"))
    module = importlib.import_module("eap.graph")
    scores = random_edge_scores(wiring, seed=3)
    circuit = CircuitGraph.from_scores(scores, Greedy(30))
    MIB.write(circuit, tmp_path / "ours.json", scores=[scores])
    theirs = module.Graph.from_json(str(tmp_path / "ours.json"))
    theirs.to_json(str(tmp_path / "theirs.json"))
    again, _ = mib_graph((tmp_path / "theirs.json").read_bytes(), source="theirs.json")
    assert [item.name for item in again.edges] == [item.name for item in circuit.edges]
    assert list(scored(again).values()) == pytest.approx(list(scored(circuit).values()), rel=1e-6)
