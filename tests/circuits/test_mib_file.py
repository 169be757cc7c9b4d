"""Files of EAP-IG and MIB, read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Edge, Wiring, head
from circuits.evaluation.known_circuit import read_known
from circuits.mib_file import is_mib_file, mib_circuit, mib_document, read_mib
from tests.circuits.circuit_files import circuit_file, edge_names, require_loadable, write_circuit_file

PLAIN = Wiring(n_layers=2, n_heads=4, n_kv_heads=4)
GROUPED = replace(PLAIN, n_kv_heads=2)
PATH = ("input->a0.h1<v>", "a0.h1->m1", "m1->logits")
OF_A_GROUP = ("input->a0.h2<k>", "input->a0.h3<k>", "a0.h2->logits")


def read(document: Any) -> Any:
    return mib_circuit(document, source="x.json")


@pytest.mark.parametrize("wiring", [PLAIN, replace(PLAIN, is_parallel=True), replace(PLAIN, has_mlps=False)])
def test_names_of_edges_are_those_of_the_wiring(wiring: Wiring):
    shape = {"is_parallel": wiring.is_parallel, "has_mlps": wiring.has_mlps}
    assert set(edge_names(wiring.n_layers, wiring.n_heads, **shape)) == {str(edge) for edge in wiring.edges}


def test_every_edge_has_the_score_and_the_place_that_the_file_gives_it():
    document = circuit_file(PLAIN, PATH)
    circuit = read(document)
    assert circuit.wiring == PLAIN
    for edge, score, is_in in zip(PLAIN.edges, circuit.scores, circuit.in_circuit, strict=True):
        assert document["edges"][str(edge)] == {"score": score, "in_graph": is_in}
    assert circuit.measured.all()


def test_nodes_without_a_score_and_with_nan_have_none():
    document = circuit_file(PLAIN, PATH)
    document["nodes"]["a0.h1"]["score"] = float("nan")
    document["nodes"]["a0.h2"]["score"] = 0.0
    document["nodes"]["m0"] = True  # as older files have it
    text = json.dumps(document)
    assert is_mib_file(text.encode())
    assert read(json.loads(text, parse_constant=lambda _: None)).node_scores == {head(0, 2): 0.0}


def test_an_edge_that_is_not_listed_is_neither_scored_nor_in_the_circuit():
    document = circuit_file(PLAIN, PATH)
    del document["edges"]["input->logits"]
    circuit, number = read(document), PLAIN.edge_index(Edge.parse("input->logits"))
    assert not circuit.measured[number]
    assert not circuit.in_circuit[number]
    assert circuit.measured.sum() == PLAIN.n_edges - 1


def test_keys_of_a_group_are_the_sum_over_its_heads():
    document = circuit_file(PLAIN, OF_A_GROUP)
    circuit = read(document).on(GROUPED)
    number = GROUPED.edge_index(Edge.parse("input->a0.kv1<k>"))
    expected = sum(document["edges"][f"input->a0.h{index}<k>"]["score"] for index in (2, 3))
    assert circuit.scores[number] == pytest.approx(expected, rel=1e-12)
    assert [str(GROUPED.edges[each]) for each in np.flatnonzero(circuit.in_circuit)] == [
        "input->a0.kv1<k>",
        "a0.h2->logits",
    ]


def test_heads_of_a_group_that_differ_are_refused_unless_any_of_them_counts():
    circuit = read(circuit_file(PLAIN, OF_A_GROUP[1:]))
    with pytest.raises(ValueError, match=r"x\.json has input->a0\.h3<k> in its circuit and not all of input->a0\.kv1"):
        circuit.on(GROUPED)
    assert circuit.on(GROUPED, any_of_group=True).in_circuit.sum() == 2


@pytest.mark.parametrize("wiring", [PLAIN, GROUPED, replace(PLAIN, has_mlps=False), replace(PLAIN, is_parallel=True)])
def test_what_is_written_is_read_back_and_has_what_the_loader_needs(wiring: Wiring):
    circuit = read(circuit_file(wiring.ungrouped, PATH if wiring.has_mlps else ("input->logits",))).on(
        wiring, any_of_group=True
    )
    document = json.loads(json.dumps(mib_document(circuit)))
    require_loadable(document)
    again = read(document)
    assert again.wiring == wiring
    # Groups of two: halves and their sums are exact.
    for name in ("scores", "measured", "in_circuit"):
        np.testing.assert_array_equal(getattr(again, name), getattr(circuit, name))


def test_only_nodes_of_the_circuit_are_in_it():
    nodes = mib_document(read(circuit_file(PLAIN, PATH)))["nodes"]
    assert {name for name, said in nodes.items() if said["in_graph"]} == {"input", "a0.h1", "m1", "logits"}


def spoiled(**changes: Any) -> Any:
    document = circuit_file(PLAIN, PATH)
    for key, value in changes.items():
        document[key] = {**document[key], **value}
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "is no circuit file of EAP-IG or MIB: expected a JSON object with cfg, nodes and edges"),
        (spoiled(cfg={"n_heads": "4"}), "cfg.n_heads is '4', expected a whole number"),
        (spoiled(cfg={"parallel_attn_mlp": 1}), "cfg.parallel_attn_mlp is 1, expected true or false"),
        (spoiled(cfg={"n_key_value_heads": 3}), "4 heads on 3 key-value heads: not a multiple"),
        (spoiled(edges={"input->a0.h1": {"score": 1.0, "in_graph": True}}), "without a port. Expected input->a0.h1<q>"),
        (spoiled(edges={"input->a0.kv1<k>": {"score": 1.0, "in_graph": True}}), "these files name no key-value heads"),
        (spoiled(edges={"input->a0.h4<q>": {"score": 1.0, "in_graph": True}}), "this model has no head a0.h4"),
        (spoiled(edges={"m1->a0.h1<q>": {"score": 1.0, "in_graph": True}}), "runs backwards"),
        (spoiled(edges={"input -> m0": {"score": 1.0, "in_graph": True}}), "no component can be called ' m0'"),
        (spoiled(edges={"input->m0": {"score": "1", "in_graph": True}}), "its score is '1', expected a number"),
        (spoiled(edges={"input->m0": {"score": 1.0}}), "in_graph is None, expected true or false"),
        (spoiled(edges={"input->m0": {"score": 1, "in_graph": True, "measured": "no"}}), "measured is 'no', expected"),
        (spoiled(cfg={"n_layers": 10**7}), "10,000,000 layers of 4 heads, about 2e.15 edges; at most 1e.08 are read"),
        (spoiled(nodes={"head 3": {"in_graph": True}}), "node 'head 3': .* Nodes look like 'a0.h1'"),
        (spoiled(nodes={"m0": {"in_graph": True, "neurons": [1.0, 0.0]}}), "with 1 of 2 neurons: .* whole nodes"),
    ],
)
def test_what_is_no_whole_file_is_refused_by_name(document: Any, message: str):
    with pytest.raises(ValueError, match=f"^x.json.*{message}"):
        read(document)


def test_a_model_of_another_shape_is_refused():
    circuit = read(circuit_file(PLAIN, PATH))
    with pytest.raises(ValueError, match="2 layers of 4 heads; the model has 3 layers of 4 heads"):
        circuit.on(replace(PLAIN, n_layers=3))
    with pytest.raises(ValueError, match="the model has 2 layers of 4 heads without MLPs"):
        circuit.on(replace(PLAIN, has_mlps=False))


def test_a_file_that_names_no_mlp_is_of_any_model_of_its_shape():
    circuit = read(circuit_file(replace(PLAIN, has_mlps=False), ["input->a1.h0<q>"])).on(GROUPED)
    assert [str(GROUPED.edges[number]) for number in np.flatnonzero(circuit.in_circuit)] == ["input->a1.h0<q>"]


@pytest.mark.parametrize("text", ["", "{", '{"cfg": 1}', '{"edges": {"a": NaN, "a": 1}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert not is_mib_file(path.read_bytes())
    with pytest.raises(ValueError, match=r"x\.json"):
        read_mib(path)
    with pytest.raises(ValueError, match=r"cannot read the circuit .*none\.json"):
        read_mib(tmp_path / "none.json")


def test_a_file_is_a_known_circuit(tmp_path: Path):
    known = read_known(write_circuit_file(tmp_path / "theirs.json", PLAIN, PATH))
    assert (known.name, known.wiring) == ("theirs", PLAIN)
    assert set(map(str, known.edges or ())) == set(PATH)
    assert set(map(str, known.nodes)) == {"a0.h1", "m1"}
    known.check(PLAIN)
    with pytest.raises(ValueError, match=r"on 2 key-value heads. Of a file with .* .--method circuit-file"):
        known.check(GROUPED)


def test_a_file_without_a_circuit_is_no_known_circuit(tmp_path: Path):
    with pytest.raises(ValueError, match=r"none of its \d+ edges is in the circuit .* --set whole=true"):
        read_known(write_circuit_file(tmp_path / "theirs.json", PLAIN))


def test_whole_numbers_beyond_those_of_a_float_are_refused(tmp_path):
    document = spoiled(edges={"input->m0": {"score": 10**400, "in_graph": True}})
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"holds 10+[.]{3}, which is too large for a number"):
        read_mib(tmp_path / "x.json")
