"""What a page holds, before a browser shows it."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from circuits.components import Wiring
from graphs import CircuitGraph, Greedy, compare
from graphs.export.page import data as page
from graphs.export.page.data import page_data
from graphs.export.page.extras import CircuitExtras, MeasuredPart, PageExtras
from graphs.export.page.file import embedded, page_bytes, page_policy
from graphs.export.page.library import LICENSE
from graphs.export.page.scripts import WEB, page_script, source
from graphs.figures.layered.drawing import composed
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import size_from
from tests.graphs.export.page.conftest import GROUPED


def test_nodes_and_edges_are_those_of_the_circuit(graph):
    data = json.loads(embedded(page_data(graph)))
    names = [node["name"] for node in data["nodes"]]
    assert names == [node.name for node in graph.nodes]
    edges = data["edges"]
    (own,) = edges["circuits"]
    for number, item in enumerate(graph.edges):
        ends = names[edges["source"][number]], names[edges["target"][number]], edges["port"][number]
        assert ends == (str(item.edge.source), str(item.edge.target), item.edge.port)
        assert (own["score"][number], own["low"][number], own["high"][number]) == (item.score, item.low, item.high)
    scores = {node["name"]: node["circuits"][0]["score"] for node in data["nodes"]}
    assert scores == {node.name: node.score for node in graph.nodes}


def test_sources_stand_below_their_targets(graph):
    data = page_data(graph)
    y = [node["y"] for node in data["nodes"]]
    assert all(y[a] > y[b] for a, b in zip(data["edges"]["source"], data["edges"]["target"], strict=True))
    places = {(node["x"], node["y"]) for node in data["nodes"]}
    assert len(places) == len(y)


def test_a_key_value_head_touches_a_head_that_it_serves(graph):
    data = page_data(graph)
    assert data["serves"]
    for group in {group for group, _ in data["serves"]}:
        box, heads = data["nodes"][group], [data["nodes"][head] for own, head in data["serves"] if own == group]
        apart = [abs(head["x"] - box["x"]) - (head["width"] + box["width"]) / 2 for head in heads]
        assert abs(min(apart)) <= 0.2, "pixels"
        assert {head["y"] for head in heads} == {box["y"]}


def test_effects_of_prompts_are_those_of_the_scores_also_where_only_some_fit(graph, scores, monkeypatch):
    monkeypatch.setattr(page, "MOST_EFFECTS", 7 * scores.n_prompts)
    for limited in (True, False):
        (circuit,) = page_data(graph, PageExtras([CircuitExtras(scores=scores)]))["circuits"]
        effects = circuit["effects"]
        values = np.frombuffer(base64.b64decode(effects["values"]), "<f4").reshape(-1, scores.n_prompts)
        items = [graph.edges[edge] for edge in effects["edges"]]
        expected = [scores.per_prompt[:, GROUPED.edge_index(item.edge)] for item in items]
        np.testing.assert_array_equal(values, np.array(expected, dtype=np.float32))
        assert (len(items), effects["n_left_out"]) == ((7, graph.n_edges - 7) if limited else (graph.n_edges, 0))
        if limited:
            weakest = min(abs(item.score) for item in items)
            assert all(abs(item.score) <= weakest for item in graph.edges if item not in items)
        monkeypatch.setattr(page, "MOST_EFFECTS", 10**6)


def test_edges_that_were_not_measured_have_no_effects(graph, scores):
    unmeasured = replace(scores, measured=np.zeros_like(scores.measured))
    assert page_data(graph, PageExtras([CircuitExtras(scores=unmeasured)]))["circuits"][0]["effects"] is None


def test_parts_that_are_no_part_of_the_circuit_are_left_out(graph):
    names = [item.name for item in graph.edges]
    inside, outside = frozenset(names[3:9]), frozenset((names[0], "m0->logits<q>"))
    parts = tuple(MeasuredPart(edges, 0.5, None, None, "prompts") for edges in (inside, outside))
    (circuit,) = page_data(graph, PageExtras([CircuitExtras(measured=parts)]))["circuits"]
    assert [part["edges"] for part in circuit["measured"]] == [[3, 4, 5, 6, 7, 8]]


def test_a_large_circuit_begins_with_the_strongest_and_fits_the_size_that_its_command_has(random_edge_scores):
    wiring = Wiring(n_layers=24, n_heads=9, n_kv_heads=3)
    graph = CircuitGraph.from_scores(random_edge_scores(wiring, seed=0), Greedy(900))
    data = page_data(graph)
    assert data["first"]["top"] == 300
    assert data["drawing_size"] is not None
    size = size_from(data["drawing_size"])
    for settings in ({"top": 900}, {"top": 30}, {"ports": ("v",), "top": 900}, {"heads_only": True, "top": 900}):
        assert composed(graph, DrawingSettings(size=size, **settings)).scene.lines
    small = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=0), Greedy(60))
    assert (page_data(small)["first"]["top"], page_data(small)["drawing_size"]) == (None, None)


def test_nothing_in_the_data_can_end_its_element():
    text = embedded({"a": "</script><!-- \u2028 \u00e9", "b": [1, None, 0.1]})
    assert not set("<\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!-- \u2028 \u00e9", "b": [1, None, 0.1]}


def test_a_page_is_one_file_with_the_license_and_a_policy(graph, random_edge_scores):
    other = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=8), Greedy(70))
    for subject in (graph, compare(graph, other), [graph, other, graph]):
        text = page_bytes(subject).decode()
        assert page_bytes(subject) == text.encode()
        assert not re.search(
            r"<(?:link|iframe|img|object|embed)\b|\bsrc=|@import|url\(", text.partition('id="data"')[0]
        )
        assert f'content="{page_policy()}"' in text
        assert LICENSE in text or "/* the library */" in text
    assert page_policy().startswith("default-src 'none'; script-src 'sha256-")


def test_the_title_is_escaped(random_edge_scores):
    scores = random_edge_scores(GROUPED, seed=1, task="<b> & 'c'")
    text = page_bytes(CircuitGraph.from_scores(scores, Greedy(20))).decode()
    assert f"<title>{html.escape(scores.provenance.task)}: circuit</title>" in text


def test_every_module_is_in_the_script_once_after_those_that_it_imports():
    text, modules = page_script(), [Path(path).stem for path in sorted(WEB.glob("*.js"))]
    starts = {name: text.index(f"const of_{name} = (() => {{") for name in modules}
    assert len(starts) == len(modules) > 8
    for name in modules:
        for imported in re.findall(r'from "\./(\w+)\.js"', source(name)):
            assert starts[imported] < starts[name], (name, imported)
    assert not re.search(r"^(?:import|export) ", text, flags=re.MULTILINE)
    # No way from text to elements or code.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
