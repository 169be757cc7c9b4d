"""A new kind of component is one line in the table of kinds: names, graphs, figures and files follow from it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import networkx
import numpy as np
import pytest

from circuits.arrays import Bools
from circuits.components import Component, Edge, Wiring
from circuits.evaluation.budgets import node_budget_circuits
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import node_auroc
from circuits.kinds import KINDS, Kind
from circuits.masks import edges_among, pruned
from circuits.methods.component_base import ComponentMethod, components_of
from circuits.scores import ComponentScores, EdgeScores, Provenance
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import compare
from graphs.export import EXPORTS, ReadableExport
from graphs.figures.layered.looks import SUBLAYER_FILLS
from graphs.selection import Greedy, TopComponents, TopEdges

NEURON = Kind("neuron", "m{layer}.n{index}", None, "mlp", writes=True, ports=(None,), counted_by="n_neurons")
ORIGIN = Provenance(
    method="eap",
    settings={},
    metric="logit-difference",
    model="toy",
    model_fingerprint="0" * 16,
    task="toy",
    prompts_fingerprint="1" * 16,
    seed=0,
    versions={},
)
PATH = ("input->a0.h1<v>", "a0.h1->m0.n2", "m0.n2->a1.h0<k>", "m0.n2->m1.n0", "a1.h0->logits", "m1.n0->logits")


@dataclass(frozen=True)
class WithNeurons(Wiring):
    """A model whose MLPs are taken apart into neurons."""

    n_neurons: int = 3

    @property
    def node_kinds(self) -> tuple[str, ...]:
        return ("head", "neuron")


@pytest.fixture(autouse=True)
def _neurons(monkeypatch):
    monkeypatch.setitem(KINDS, "neuron", NEURON)


WIRING = WithNeurons(n_layers=2, n_heads=2, n_kv_heads=2)


def scores_of_path() -> EdgeScores:
    per_prompt = np.zeros((2, WIRING.n_edges), dtype=np.float32)
    for strength, name in enumerate(PATH, start=1):
        per_prompt[:, WIRING.edge_index(Edge.parse(name))] = strength
    return EdgeScores(WIRING, per_prompt, np.ones(WIRING.n_edges, dtype=np.bool_), ORIGIN)


def scores_of_nodes() -> ComponentScores:
    """Two neurons and a head matter, the second neuron most."""
    components = tuple(components_of(WIRING, ["neuron", "head"]))
    strong = {"a0.h1": 1.0, "m0.n2": 2.0, "m1.n0": 3.0}
    values = np.array([strong.get(str(part), 0.0) for part in components], dtype=np.float32)
    per_prompt = np.tile(values, (2, 1, 1))
    return ComponentScores(WIRING, components, ("all",), per_prompt, np.ones(per_prompt.shape, dtype=np.bool_), ORIGIN)


def circuit() -> CircuitGraph:
    return CircuitGraph.from_scores(scores_of_path(), TopEdges(len(PATH)), node_scores=scores_of_nodes())


def mask_of(names: tuple[str, ...]) -> Bools:
    mask = np.zeros(WIRING.n_edges, dtype=np.bool_)
    mask[[WIRING.edge_index(Edge.parse(name)) for name in names]] = True
    return mask


def test_a_neuron_has_a_name_a_place_and_predicates():
    neuron = Component.parse("m3.n17")
    assert neuron == Component("neuron", 3, 17)
    assert str(neuron) == "m3.n17"
    assert neuron.is_node
    assert neuron.in_mlp
    assert neuron.writes
    assert neuron.reads
    assert not any((neuron.is_head, neuron.is_reader_only, neuron.is_sublayer, neuron.is_state))
    assert str(neuron.whole) == "m3"
    assert Component.parse("a3.h9").order < neuron.order < Component.parse("m3.n18").order < Component.parse("r4").order
    with pytest.raises(ValueError, match=r"'m9\.n6'"):
        Component.parse("m3.neuron17")


def test_a_feature_of_the_stream_is_a_node_and_not_the_stream(monkeypatch):
    feature = Kind("feature", "r{layer}.f{index}", writes=True, ports=(None,), counted_by="n_features")
    monkeypatch.setitem(KINDS, "feature", feature)
    part = Component.parse("r2.f7")
    assert (part.kind, part.whole, part.is_node, part.is_state) == ("feature", part, True, False)
    assert Component.parse("r2").order < part.order < Component.parse("r3").order


def test_a_wiring_of_neurons_counted_by_hand():
    """Into layer 0: 6 head inputs of 1 writer, 3 neurons of 3; layer 1: 6 of 6, 3 of 8; logits read 11."""
    assert len(WIRING.writers) == 1 + 2 * (2 + 3)
    assert len(WIRING.readers) == 2 * (6 + 3) + 1
    assert WIRING.n_edges == (6 + 9) + (36 + 24) + 11
    assert [WIRING.edge_index(edge) for edge in WIRING.edges] == list(range(WIRING.n_edges))
    assert list(map(str, components_of(WIRING, ["neuron"]))) == ["m0.n0", "m0.n1", "m0.n2", "m1.n0", "m1.n1", "m1.n2"]
    assert tuple(WIRING.on_a_path(WIRING.edges)) == WIRING.edges


def test_masks_know_where_neurons_lead():
    dead_end = mask_of((*PATH, "input->m1.n1"))
    assert (pruned(WIRING, dead_end) == mask_of(PATH)).all()
    members = np.array([str(writer) in ("input", "m0.n2", "m1.n0") for writer in WIRING.writers])
    among = ("input->m0.n2", "input->m1.n0", "input->logits", "m0.n2->m1.n0", "m0.n2->logits", "m1.n0->logits")
    assert (edges_among(WIRING, members) == mask_of(among)).all()


def test_circuits_of_neurons_are_chosen_and_drawn_in_order():
    graph = circuit()
    assert [node.name for node in graph.nodes] == ["input", "a0.h1", "m0.n2", "a1.h0", "m1.n0", "logits"]
    assert {item.name for item in graph.edges} == set(PATH)
    assert list(map(str, graph.heads)) == ["a0.h1", "a1.h0"]
    assert CircuitGraph.from_scores(scores_of_path(), Greedy(len(PATH))).edges == graph.edges
    ComponentMethod(kinds=("neuron",)).check_selection(None)
    best = CircuitGraph.from_scores(scores_of_path(), TopComponents(2), node_scores=scores_of_nodes())
    assert [node.name for node in best.nodes if node.component.is_node] == ["m0.n2", "m1.n0"]


def test_joined_by_layer_neurons_are_their_mlp():
    joined = circuit().by_layer()
    assert [item.name for item in joined.edges] == [
        "input->a0",
        "a0->m0",
        "m0->a1",
        "m0->m1",
        "a1->logits",
        "m1->logits",
    ]


def test_circuits_with_neurons_are_compared():
    a = circuit()
    b = CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in (*PATH[:2], "m0.n2->logits")])
    comparison = compare(a, b)
    assert comparison.node_membership()["m0.n2"] == "shared"
    assert comparison.node_membership()["m1.n0"] == "only_a"
    assert comparison.reuse.nodes.shared == ("a0.h1", "m0.n2")
    for name in ("json", "graphml", "csv", "svg"):
        assert b"m0.n2" in EXPORTS[name].to_bytes(comparison)


def test_circuits_with_neurons_are_exported_and_read_back(monkeypatch):
    graph = circuit()
    for module in ("document", "flatten"):
        monkeypatch.setattr(f"graphs.export.{module}.Wiring", WithNeurons)
    for name in ("json", "graphml"):
        export = EXPORTS[name]
        assert isinstance(export, ReadableExport)
        assert export.from_bytes(export.to_bytes(graph)) == graph
    nodes = json.loads(EXPORTS["json"].to_bytes(graph))["nodes"]
    assert [node["name"] for node in nodes if node["kind"] == "neuron"] == ["m0.n2", "m1.n0"]
    flat = networkx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(graph)))
    assert (flat.nodes["m0.n2"]["kind"], flat.nodes["m0.n2"]["layer"], flat.nodes["m0.n2"]["index"]) == ("neuron", 0, 2)
    rows = EXPORTS["csv"].to_bytes(graph, scores=[scores_of_nodes()]).decode().splitlines()
    assert "m1.n0,neuron,3.0,3.0,3.0,not recorded,eap,true,,,,1,0,,,,," in rows


def test_a_neuron_without_a_score_is_drawn_as_an_mlp_is():
    graph = CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in PATH])
    drawing = EXPORTS["svg"].to_bytes(graph).decode()
    fill = f"fill: {SUBLAYER_FILLS['mlp']}"
    assert drawing.count(fill) == 2
    without = CircuitGraph.from_edges(WIRING, [Edge.parse(name) for name in ("input->a0.h1<v>", "a0.h1->logits")])
    assert fill not in EXPORTS["svg"].to_bytes(without).decode()


def test_neurons_are_ranked_and_budgeted():
    scores = scores_of_nodes()
    known = KnownCircuit("toy", None, tuple(map(Component.parse, ("m0.n2", "m1.n0"))), ("head", "neuron"), WIRING)
    known.check(WIRING)
    assert node_auroc(scores, known, kinds=("neuron",)).by_mean == 1
    # Half of ten components, the strongest first, and `input`.
    half = node_budget_circuits(WIRING, scores.components, scores.means[0])[8]
    assert np.count_nonzero(half) == 1 + 5
    assert {"a0.h1", "m0.n2", "m1.n0"} < {str(WIRING.writers[number]) for number in np.flatnonzero(half)}
