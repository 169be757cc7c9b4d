"""What exported files say of themselves, and files for other programs that open as drawn."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import networkx as nx
import pytest

from circuits.components import Wiring
from graphs import CircuitGraph, Greedy, compare
from graphs.export import EXPORTS, ReadableExport, about, read_about
from graphs.export.looks import edge_looks, node_looks
from graphs.prompt_use import PromptUse

WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
COMMAND = "circuits discover 'my (own) \\ pairs & <more>.jsonl' --prompts 8  # \u00e9\u2212"
OF_ONE_CIRCUIT = ("mib", "neuronpedia")  # which hold no comparison
TABLES = ("csv", "parquet", "xlsx")  # of scores, which a circuit alone does not have
SAYING = [name for name in EXPORTS if name not in TABLES]


@pytest.fixture(scope="module")
def graph(random_edge_scores):
    return CircuitGraph.from_scores(random_edge_scores(WIRING, seed=1, task="odd & <names> (x) \\"), Greedy(30))


@pytest.fixture(scope="module")
def comparison(graph, random_edge_scores):
    return compare(graph, CircuitGraph.from_scores(random_edge_scores(WIRING, seed=2), Greedy(25)))


@pytest.mark.parametrize("name", SAYING)
def test_every_format_says_where_it_came_from(graph, name):
    said = read_about(EXPORTS[name].to_bytes(graph, command=COMMAND), source="file")
    assert said == json.loads(json.dumps(about(graph, COMMAND)))
    assert said["command"] == COMMAND
    assert said["circuit"]["edge_scores"]["task"] == graph.provenance.task


def test_no_comment_of_postscript_is_longer_than_its_readers_take_and_it_is_as_large_as_the_pdf(graph):
    data = EXPORTS["eps"].to_bytes(graph, command=COMMAND)
    comments = [line for line in data.split(b"\n") if line.startswith(b"%")]
    assert len(json.dumps(about(graph, COMMAND))) > 255
    assert max(map(len, comments)) <= 255
    assert [line.startswith(b"%~") for line in comments[:3]] == [False, False, True]
    (box,) = re.findall(rb"%%HiResBoundingBox: ([\d. ]+)", data)
    (media,) = re.findall(rb"/MediaBox \[ ([\d. ]+) \]", EXPORTS["pdf"].to_bytes(graph))
    assert [float(end) for end in box.split()] == pytest.approx([float(end) for end in media.split()], abs=0.01)


@pytest.mark.parametrize("name", [name for name in SAYING if name not in ("json", "eps", *OF_ONE_CIRCUIT)])
def test_so_does_a_comparison(comparison, name):
    said = read_about(EXPORTS[name].to_bytes(comparison), source="file")
    assert [side["edges"] for side in said["circuits"]] == [comparison.a.n_edges, comparison.b.n_edges]
    assert "command" not in said


@pytest.mark.parametrize("name", ["json", "graphml"])
def test_the_prompts_that_a_circuit_rests_on_are_read_back(graph, name):
    export = EXPORTS[name]
    assert isinstance(export, ReadableExport)
    assert export.from_bytes(export.to_bytes(graph)) == graph
    held_out = replace(graph, prompts=PromptUse(64, 32, 32, is_held_out=True, corruption="abc: <three> & more"))
    assert export.from_bytes(export.to_bytes(held_out)) == held_out
    assert about(held_out)["circuit"]["prompts"]["judging"] == 32


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n\0\0\1\0tEXt", b"{", b"circuit-workbench: {x}"])
def test_a_file_that_says_nothing_is_named(data):
    with pytest.raises(ValueError, match=r"x\.png: nothing in it says where it came from"):
        read_about(data, source="x.png")


def test_gexf_has_the_nodes_and_edges_and_where_they_stand(graph):
    data = EXPORTS["gexf"].to_bytes(graph)
    read = nx.read_gexf(io.BytesIO(data))
    assert set(read) == {node.name for node in graph.nodes}
    assert {key for *_, key in read.edges(keys=True)} >= {item.name for item in graph.edges}
    looks = node_looks(graph)
    for name, values in read.nodes(data=True):
        place = values["viz"]["position"]
        assert (place["x"], place["y"]) == pytest.approx((100 * looks[name].x, 100 * looks[name].y))
    by_name = {key: values for *_, key, values in read.edges(keys=True, data=True)}
    for item in graph.edges:
        assert by_name[item.name]["score"] == pytest.approx(item.score)
        assert by_name[item.name]["weight"] == pytest.approx(abs(item.score))


def test_cytoscape_elements_name_their_ends(graph):
    document = json.loads(EXPORTS["cytoscape"].to_bytes(graph))
    ids = {node["data"]["id"] for node in document["elements"]["nodes"]}
    assert ids == {node.name for node in graph.nodes}
    edges = [edge["data"] for edge in document["elements"]["edges"]]
    assert all({edge["source"], edge["target"]} <= ids for edge in edges)
    assert len({edge["id"] for edge in edges}) == len(edges)


def test_dot_quotes_what_it_must(graph):
    text = EXPORTS["dot"].to_bytes(graph, command='a "quoted" \\ one').decode()
    body = [line for line in text.splitlines() if not line.startswith("//")]
    assert sum(" -> " in line for line in body) == graph.n_edges + len(graph.group_edges)
    for line in body[2:-1]:
        assert re.fullmatch(r'  ("(\\.|[^"\\])*"( -> )?){1,2} \[("(\\.|[^"\\])*"="(\\.|[^"\\])*"(, )?)+\];', line), line


def test_nodes_of_a_row_stand_apart_and_layers_above_each_other(graph):
    looks = node_looks(graph)
    places = [(look.x, look.y) for look in looks.values()]
    assert len(set(places)) == len(places)
    for item in graph.edges:
        assert looks[str(item.edge.source)].y < looks[str(item.edge.target)].y
    assert set(edge_looks(graph)) == {item.name for item in graph.edges}


def test_weights_of_a_table_open_with_their_ends(graph, random_edge_scores):
    scores = random_edge_scores(WIRING, seed=1)
    lines = EXPORTS["csv"].to_bytes(graph, scores=[scores, scores.node_scores()]).decode().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    edge = next(row for row in rows if row["name"] == "a0.h1->a1.kv0<k>")
    assert (edge["source"], edge["target"], edge["port"], edge["layer"]) == ("a0.h1", "a1.kv0", "k", "")
    head = next(row for row in rows if row["name"] == "a1.h3")
    assert (head["source"], head["layer"], head["index"]) == ("", "1", "3")
