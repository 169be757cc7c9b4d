import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Comparison, Greedy, TopComponents, TopEdges, compare
from graphs.export import _OTHER_NAMES, EXPORTS, ReadableExport, exporter
from graphs.export.score_table import ENDS, components_in
from graphs.node_sums import SUMS

WIRINGS = (
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False),
)
READABLE = [name for name, export in EXPORTS.items() if isinstance(export, ReadableExport)]


@pytest.fixture(scope="module")
def graph(random_edge_scores, node_scores_of):
    """Ten edges with scores, nodes of which one was measured as zero and others were not measured."""
    nodes = node_scores_of({"a0.h0": 0.0, "m1": -0.5}, wiring=WIRINGS[0])
    circuit = CircuitGraph.from_scores(
        random_edge_scores(WIRINGS[0], seed=1), Greedy(30), node_scores=nodes, roles={"a0.h0": "induction"}
    )
    return circuit.with_evaluation(faithfulness=0.75, metrics={"clean": 3.5, "corrupt": -1.0})


@pytest.fixture(scope="module")
def comparison(random_edge_scores):
    scores = tuple(random_edge_scores(WIRINGS[0], seed=seed, task=f"task-{seed}") for seed in (1, 2))
    a, b = (CircuitGraph.from_scores(each, Greedy(25)) for each in scores)
    return compare(a, b, scores=scores, resamples=10)


def rows(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


@settings(deadline=None, max_examples=30)
@example(which=1, n=7, seed=8, name="graphml")  # a row of two ranks, wider than either
@given(which=st.integers(0, 2), n=st.integers(0, 70), seed=st.integers(0, 99), name=st.sampled_from(READABLE))
def test_export_then_import_is_identity(random_edge_scores, which, n, seed, name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRINGS[which], seed=seed), Greedy(n))
    assert export.from_bytes(export.to_bytes(circuit)) == circuit


@pytest.mark.parametrize("called", [None, "mine"])
@pytest.mark.parametrize("name", READABLE)
def test_everything_known_of_a_circuit_is_read_back(graph, name, called, tmp_path):
    export, graph = EXPORTS[name], replace(graph, called=called)
    assert isinstance(export, ReadableExport)
    export.write(graph, tmp_path / "circuit")
    assert export.read(tmp_path / "circuit") == graph


def test_nothing_that_is_no_file_is_written_over(graph, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for path in (tmp_path / "link", Path(os.devnull)):
        with pytest.raises(OSError, match="not a file"):
            EXPORTS["json"].write(graph, path)
    assert Path(os.devnull).is_char_device()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("name", READABLE)
def test_a_published_circuit_without_scores_is_read_back(name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    circuit = CircuitGraph.from_edges(WIRINGS[1], [Edge.parse("input->a1.kv1<v>"), Edge.parse("a1.h2->logits")])
    assert export.from_bytes(export.to_bytes(circuit)) == circuit


@pytest.mark.parametrize("name", READABLE)
def test_zero_score_survives_export(graph, name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    read_back = export.from_bytes(export.to_bytes(graph))
    assert isinstance(read_back, CircuitGraph)
    by_name = {node.name: node.score for node in read_back.nodes}
    assert by_name["a0.h0"] == 0.0
    assert by_name["a0.h1"] is None


def test_a_comparison_in_json_is_read_back(comparison):
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    assert export.from_bytes(export.to_bytes(comparison)) == comparison


def test_json_is_strict(graph):
    def refuse(constant):
        raise AssertionError(constant)

    document = json.loads(EXPORTS["json"].to_bytes(graph), parse_constant=refuse)
    assert (document["format"], document["version"]) == ("circuit-graph", 3)
    assert (document["n_edges"], document["of_edges"]) == (graph.n_edges, graph.of_edges)


def test_a_setting_that_is_not_a_number_stops_json_instead_of_spoiling_it(graph):
    spoiled = replace(graph, selection={"name": "threshold", "minimum": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        EXPORTS["json"].to_bytes(spoiled)


@pytest.mark.parametrize("name", READABLE)
def test_a_newer_version_is_refused_with_the_remedy(graph, name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    data = export.to_bytes(graph)
    if name == "json":
        newer = data.replace(b'"version": 3', b'"version": 4', 1)
    else:
        flat = nx.read_graphml(io.BytesIO(data), force_multigraph=True)
        flat.graph["version"] = 4
        newer = "\n".join(nx.generate_graphml(flat)).encode()
    with pytest.raises(
        ValueError, match=r"circuit.json: circuit-graph version 4; .* up to 3. Upgrade circuit-workbench"
    ):
        export.from_bytes(newer, source="circuit.json")


@pytest.mark.parametrize("name", READABLE)
def test_a_file_cut_short_is_refused_by_name(graph, name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    data = export.to_bytes(graph)
    with pytest.raises(ValueError, match=r"circuit.x: not .* cut short .* Export it again"):
        export.from_bytes(data[: len(data) // 2], source="circuit.x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"format": "run"}', "x: its format is 'run', expected 'circuit-graph'"),
        (b"[1]", "x: its format is None"),
        (b'{"format": "circuit-graph", "version": 1}', "x: not a whole circuit-graph file, 'wiring' is missing"),
        (b'{"format": "circuit-comparison", "version": 1}', "x: not a whole circuit-comparison file, 'a' is missing"),
        (b'{"format": "circuit-graph", "version": 1, "wiring": 3}', "x: not a valid circuit-graph file"),
    ],
)
def test_json_that_is_no_circuit_is_refused_by_name(data, message):
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    with pytest.raises(ValueError, match=message):
        export.from_bytes(data, source="x")


def test_json_edited_into_an_impossible_edge_is_refused_by_name(graph):
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    data = export.to_bytes(graph).replace(b'"n_layers": 2', b'"n_layers": 1')
    with pytest.raises(ValueError, match=r"^x: not a valid circuit-graph file: this model has no"):
        export.from_bytes(data, source="x")


def test_graphml_is_a_multigraph_for_networkx_with_scores_and_ports(graph):
    flat = nx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(graph)), force_multigraph=True)
    edges = {data["name"]: (data["score"], data.get("port")) for *_, data in flat.edges(data=True)}
    assert edges == {item.name: (item.score, item.edge.port) for item in graph.edges}
    assert all(nx.has_path(flat, "input", node) for node in flat)


def test_graphml_of_a_comparison_says_who_has_what(comparison):
    flat = nx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(comparison)), force_multigraph=True)
    membership = {data["name"]: data["membership"] for *_, data in flat.edges(data=True) if data["kind"] == "edge"}
    assert membership == comparison.edge_membership()
    assert {name: data["membership"] for name, data in flat.nodes(data=True)} == comparison.node_membership()


def test_csv_has_a_row_for_every_edge_in_the_circuit_or_not(random_edge_scores):
    scores = random_edge_scores(WIRINGS[1], seed=1)
    circuit = CircuitGraph.from_scores(scores, Greedy(20))
    lines = rows(EXPORTS["csv"].to_bytes(circuit, scores=(scores,)))
    assert list(lines[0]) == [
        "name",
        "kind",
        "score",
        "low",
        "high",
        "score_is",
        "measured_by",
        "in_circuit",
        *ENDS,
        *SUMS,
    ]
    parts, lines = lines[: -scores.wiring.n_edges], lines[-scores.wiring.n_edges :]
    assert [row["name"] for row in parts] == list(map(str, components_in(scores.wiring)))
    assert {row["name"] for row in parts if row["in_circuit"] == "true"} == {node.name for node in circuit.nodes}
    assert [row["name"] for row in lines] == [str(edge) for edge in scores.wiring.edges]
    assert [row["in_circuit"] == "true" for row in lines] == circuit.edge_mask.tolist()
    assert [float(row["score"]) for row in lines] == scores.means.tolist()
    assert all(float(row["low"]) <= float(row["score"]) <= float(row["high"]) for row in lines)


def test_csv_tells_zero_from_not_measured(edge_scores_of):
    scores = edge_scores_of({"input->logits": 1.0}, unmeasured=("input->a0.h0<q>",))
    circuit = CircuitGraph.from_scores(scores, TopEdges(1))
    by_name = {row["name"]: row for row in rows(EXPORTS["csv"].to_bytes(circuit, scores=(scores,)))}
    assert (by_name["input->a0.h0<k>"]["score"], by_name["input->a0.h0<k>"]["score_is"]) == ("0.0", "estimated")
    assert (by_name["input->a0.h0<q>"]["score"], by_name["input->a0.h0<q>"]["score_is"]) == ("", "not measured")
    assert by_name["input->a0.h0<q>"]["measured_by"] == ""
    # One prompt: a score, and an interval without ends.
    assert (by_name["input->logits"]["score"], by_name["input->logits"]["low"]) == ("1.0", "")


def test_csv_lists_components_at_every_position_then_edges(edge_scores_of, node_scores_of):
    edges, nodes = edge_scores_of({}), node_scores_of({"a0.h0": 1.0, "r1": 2.0})
    at_two = replace(
        nodes, positions=("all", "END"), per_prompt=nodes.per_prompt.repeat(2, 1), measured=nodes.measured.repeat(2, 1)
    )
    circuit = CircuitGraph.from_scores(edges, TopComponents(1), node_scores=at_two)
    lines = rows(EXPORTS["csv"].to_bytes(circuit, scores=(at_two, edges)))
    listed = [(row["name"], row["kind"], row["in_circuit"]) for row in lines]
    assert listed[:4] == [
        ("a0.h0", "head", "true"),
        ("r1", "residual", "false"),
        ("a0.h0@END", "head", "true"),
        ("r1@END", "residual", "false"),
    ]
    assert len(lines) == 4 + edges.wiring.n_edges


def measured_nodes_and_estimated_edges(edge_scores_of, node_scores_of):
    """Two heads of which one was measured, on a path of edges that were estimated."""
    edges = edge_scores_of({"input->a0.h0<v>": 1.0, "a0.h0->logits": 0.5}, unmeasured=("a0.h1->logits",))
    nodes = node_scores_of({"a0.h0": 2.0}, unmeasured=("a0.h1",))
    return CircuitGraph.from_scores(edges, TopEdges(2), node_scores=nodes), (nodes, edges)


def test_csv_says_which_scores_were_measured_and_which_estimated_by_what(edge_scores_of, node_scores_of):
    circuit, scores = measured_nodes_and_estimated_edges(edge_scores_of, node_scores_of)
    said = {
        row["name"]: (row["score_is"], row["measured_by"])
        for row in rows(EXPORTS["csv"].to_bytes(circuit, scores=scores))
    }
    assert said["a0.h0"] == ("measured", "activation-patching")
    assert said["a0.h1"] == said["a0.h1->logits"] == ("not measured", "")
    assert said["a0.h0->logits"] == said["a0.h1->a1.h0<q>"] == ("estimated", "eap")


def test_json_and_graphml_say_what_each_score_is(edge_scores_of, node_scores_of):
    circuit, _ = measured_nodes_and_estimated_edges(edge_scores_of, node_scores_of)
    document = json.loads(EXPORTS["json"].to_bytes(circuit))
    assert {node["name"]: node["score_is"] for node in document["nodes"]} == {
        "input": None,
        "a0.h0": "measured",
        "logits": None,
    }
    assert {edge["score_is"] for edge in document["edges"]} == {"estimated"}
    assert document["node_provenance"]["scores_are"] == "measured"
    flat = nx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(circuit)), force_multigraph=True)
    assert {name: data.get("score_is") for name, data in flat.nodes(data=True)} == {
        "input": None,
        "a0.h0": "measured",
        "logits": None,
    }
    assert {data["score_is"] for *_, data in flat.edges(data=True)} == {"estimated"}


def test_a_comparison_says_what_each_side_s_scores_are(edge_scores_of):
    measured = {"method": "exact-edges", "scores_are": "measured"}
    sides = [edge_scores_of({"input->logits": 1.0}, **about) for about in (measured, {})]
    exact, estimate = (CircuitGraph.from_scores(scores, TopEdges(1)) for scores in sides)
    both = compare(exact, estimate)
    (row,) = (row for row in rows(EXPORTS["csv"].to_bytes(both)) if row["kind"] == "edge")
    assert (row["score_is_a"], row["score_is_b"]) == ("measured", "estimated")
    flat = nx.read_graphml(io.BytesIO(EXPORTS["graphml"].to_bytes(both)), force_multigraph=True)
    (edge,) = (data for *_, data in flat.edges(data=True))
    assert (edge["score_is_a"], edge["score_is_b"]) == ("measured", "estimated")


def test_files_of_before_say_that_it_was_not_recorded(edge_scores_of):
    scores = edge_scores_of({"input->logits": 1.0}, scores_are=None)
    circuit = CircuitGraph.from_scores(scores, TopEdges(1))
    assert circuit.score_is(circuit.edges[0]) == "not recorded"
    document = json.loads(EXPORTS["json"].to_bytes(circuit))
    del document["provenance"]["scores_are"]
    older = json.dumps(document | {"version": 1}).encode()
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    assert export.from_bytes(older) == replace(circuit, nodes=tuple(replace(node, sums=()) for node in circuit.nodes))
    said = {row["score_is"] for row in rows(EXPORTS["csv"].to_bytes(circuit, scores=(scores,)))}
    sums = {f"not recorded, summed over all {side} edges" for side in ("outgoing", "incoming")}
    assert said == {"not recorded", *sums}


def test_comparisons_of_before_are_read_without_what_they_did_not_keep(comparison):
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    document = json.loads(export.to_bytes(comparison))
    kept = ("shared", "n_a", "n_b", "expected", "expected_iou", "p_value", "least_p_value", "n_shared", "iou")
    levels = {name: {key: document["reuse"][name][key] for key in kept} for name in ("heads", "nodes", "edges")}
    correlations = {"edge_rank_correlation": 0.25, "head_rank_correlation": 0.75}
    older = {**levels, **correlations, "heads_interval": [0.1, 0.9], "sweep": document["reuse"]["sweep"]}
    read = export.from_bytes(json.dumps(document | {"version": 2, "reuse": older}).encode())
    assert isinstance(read, Comparison)
    assert read.reuse.heads.shared == comparison.reuse.heads.shared
    assert (read.reuse.heads_interval, read.reuse.edge_rank_correlation) == ((0.1, 0.9), 0.25)
    assert read.reuse.head_rank_correlation is None  # it was of sums without sign
    assert read.reuse.sweep == comparison.reuse.sweep


def test_csv_without_scores_says_what_to_give(graph):
    with pytest.raises(ValueError, match="give `scores`"):
        EXPORTS["csv"].to_bytes(graph)


def test_csv_with_scores_of_another_model_is_refused(graph, random_edge_scores):
    with pytest.raises(ValueError, match="give the scores the circuit came from"):
        EXPORTS["csv"].to_bytes(graph, scores=(random_edge_scores(WIRINGS[1], seed=1),))


def test_csv_of_a_comparison_lists_what_either_has(comparison):
    lines = rows(EXPORTS["csv"].to_bytes(comparison))
    membership = {**comparison.node_membership(), **comparison.edge_membership()}
    assert {row["name"]: row["membership"] for row in lines} == membership
    assert all((row["score_a"] != "") == (row["membership"] != "only_b") for row in lines)


@pytest.mark.parametrize("name", [name for name in EXPORTS if name not in ("csv", "parquet", "xlsx")])
def test_the_same_circuit_gives_the_same_bytes(graph, comparison, name):
    assert EXPORTS[name].to_bytes(graph) == EXPORTS[name].to_bytes(replace(graph))
    if name not in ("eps", "mib", "neuronpedia"):  # fonts of EPS take seconds; the others hold no comparison
        assert EXPORTS[name].to_bytes(comparison) == EXPORTS[name].to_bytes(replace(comparison))


def test_formats_are_found_by_extension_and_misspelled_ones_by_the_nearest():
    assert exporter("pdf").extension == "pdf"
    with pytest.raises(ValueError, match=r"no export format 'pgf'\..* It is 'tikz' here"):
        exporter("pgf")
    assert set(_OTHER_NAMES.values()) <= set(EXPORTS)
    assert not set(_OTHER_NAMES) & set(EXPORTS)
    with pytest.raises(ValueError, match=r"no export format 'grapml'. Known: csv, .* Did you mean 'graphml'"):
        exporter("grapml")


@pytest.mark.parametrize("name", READABLE)
def test_numpy_numbers_are_written_as_plain_ones(graph, name):
    metrics, selection = {"clean": np.float32(2.0)}, {"name": "top-edges", "n": np.int64(4)}
    marked = replace(graph, faithfulness=np.float32(0.5), metrics=metrics, selection=selection)
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    read_back = export.from_bytes(export.to_bytes(marked))
    assert isinstance(read_back, CircuitGraph)
    assert (read_back.faithfulness, read_back.metrics, read_back.selection["n"]) == (0.5, {"clean": 2.0}, 4)
