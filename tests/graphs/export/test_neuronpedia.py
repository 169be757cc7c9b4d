"""Attribution graphs for Neuronpedia: what its schema requires, and that weights are the circuit's scores."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, compare
from graphs.export import EXPORTS

WIRINGS = (
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=1, n_heads=2, n_kv_heads=2, has_mlps=False),
)
NEURONPEDIA = EXPORTS["neuronpedia"]


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
# What has to be in such a file, by the viewer's published schema.
SCHEMA = _object(
    metadata=_object(slug=TEXT, scan=TEXT, prompt_tokens=_list(TEXT), prompt=TEXT),
    qParams={
        "type": "object",
        "properties": {"pinnedIds": _list(TEXT), "supernodes": {"type": "array"}, "linkType": TEXT},
    },
    nodes=_list(
        _object(
            node_id=TEXT,
            feature={"type": ["integer", "null"]},
            layer={"type": ["string", "integer"]},
            ctx_idx=WHOLE,
            feature_type=TEXT,
            jsNodeId=TEXT,
            clerp=TEXT,
        )
    ),
    links=_list(_object(source=TEXT, target=TEXT, weight=NUMBER)),
)


def written(circuit: CircuitGraph) -> dict[str, Any]:
    document = json.loads(NEURONPEDIA.to_bytes(circuit))
    Draft7Validator(SCHEMA).validate(document)
    return document


@settings(deadline=None, max_examples=30)
@given(which=st.integers(0, 2), n=st.integers(1, 70), seed=st.integers(0, 99), name=st.text(max_size=20))
def test_what_the_viewer_requires_is_there(random_edge_scores: Any, which: int, n: int, seed: int, name: str):
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[which], seed=seed, task=name), Greedy(n))
    document = written(circuit)
    n_tokens = len(document["metadata"]["prompt_tokens"])
    assert all(0 <= node["ctx_idx"] < n_tokens for node in document["nodes"])
    ids = [node["node_id"] for node in document["nodes"]]
    assert len(set(ids)) == len(ids)
    ends = [(link["source"], link["target"]) for link in document["links"]]
    assert len(set(ends)) == len(ends)
    assert {end for link in ends for end in link} == set(ids)
    # The viewer tells nodes apart by layer, feature and token, and reads a probability from the label of a logit.
    assert len({(node["layer"], node["feature"]) for node in document["nodes"]}) == len(ids)
    for node in document["nodes"]:
        if node["feature_type"] == "logit":
            assert float(node["clerp"].split("(p=")[1].split(")")[0]) == 1.0


@pytest.mark.parametrize("wiring", WIRINGS)
def test_what_leaves_a_node_adds_up_to_the_scores_of_its_edges(random_edge_scores: Any, wiring: Wiring):
    circuit = CircuitGraph.from_scores(random_edge_scores(wiring, seed=5), Greedy(30))
    expected: dict[str, float] = defaultdict(float)
    for item in circuit.edges:
        expected[str(item.edge.source)] += item.score or 0.0
    found: dict[str, float] = defaultdict(float)
    for link in written(circuit)["links"]:
        found[link["source"]] += link["weight"]
    assert found == pytest.approx(expected, rel=1e-12)


def test_ports_are_summed_and_keys_of_a_group_are_shared(edge_scores_of: Any):
    scored = {"input->a0.h2<q>": 1.0, "input->a0.kv1<k>": -4.0, "a0.h2->logits": 2.0, "a0.h3->logits": 0.5}
    scores = edge_scores_of(scored, wiring=WIRINGS[1])
    links = written(CircuitGraph.from_scores(scores, TopEdges(4)))["links"]
    assert {(link["source"], link["target"]): link["weight"] for link in links} == {
        ("input", "a0.h2"): -1.0,
        ("input", "a0.h3"): -2.0,
        ("a0.h2", "logits"): 2.0,
        ("a0.h3", "logits"): 0.5,
    }


def test_zero_and_not_measured_differ():
    names = ("input->a0.h0<v>", "a0.h0->logits", "input->logits")
    listed = CircuitGraph.from_edges(WIRINGS[0], map(Edge.parse, names))
    with pytest.raises(
        ValueError, match="weighted by scores, and this circuit has none: its edges were not measured"
    ) as refused:
        NEURONPEDIA.to_bytes(listed)
    assert str(refused.value).endswith("not measured. Export a run whose method scores edges.")
    known = {"a0.h0->logits": 0.0, "input->logits": -2.0}
    partly = replace(listed, edges=tuple(replace(item, score=known.get(item.name)) for item in listed.edges))
    assert written(partly)["links"] == [
        {"source": "input", "target": "a0.h0", "weight": 0.0, "measured": False},
        {"source": "input", "target": "logits", "weight": -2.0},
        {"source": "a0.h0", "target": "logits", "weight": 0.0},
    ]


def test_heads_with_a_role_are_pinned_by_role(random_edge_scores: Any):
    roles = {"a0.h1": "induction", "a1.h0": "name mover", "a1.h1": "name mover"}
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[0], seed=1), Greedy(40), roles=roles)
    view = written(circuit)["qParams"]
    assert view["supernodes"] == [["induction", "a0.h1"], ["name mover", "a1.h0", "a1.h1"]]
    assert view["pinnedIds"] == ["a0.h1", "a1.h0", "a1.h1"]


def test_what_the_format_cannot_hold_is_refused(random_edge_scores: Any):
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[0], seed=1), Greedy(9))
    with pytest.raises(ValueError, match="of one circuit, and this is a comparison"):
        NEURONPEDIA.to_bytes(compare(circuit, circuit))
    empty = CircuitGraph.from_scores(random_edge_scores(WIRINGS[0], seed=1), Greedy(0))
    with pytest.raises(ValueError, match=r"this circuit has none: .* chose no edge.*\.$"):
        NEURONPEDIA.to_bytes(empty)
