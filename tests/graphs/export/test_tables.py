"""Tables of scores: Parquet and Excel hold what CSV holds, typed, and say where it came from."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, compare
from graphs.export import EXPORTS, about, read_about

WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
TABLES = ("parquet", "xlsx")
SAID = ("json", "graphml", "dot", "cytoscape", "gexf", "mib", "neuronpedia", "latex", "markdown")


def from_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def from_parquet(data: bytes) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(data)).to_pylist()


def from_xlsx(data: bytes) -> list[dict[str, Any]]:
    heading, *rows = openpyxl.load_workbook(io.BytesIO(data))["scores"].iter_rows(values_only=True)
    return [dict(zip(map(str, heading), row, strict=True)) for row in rows]


READ = {"parquet": from_parquet, "xlsx": from_xlsx}


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def assert_same(typed: list[dict[str, Any]], text: list[dict[str, str]], *, digits: float) -> None:
    assert len(typed) == len(text) > 0
    assert list(typed[0]) == list(text[0])
    for row, expected in zip(typed, text, strict=True):
        for column, value in row.items():
            if isinstance(value, float):
                assert value == pytest.approx(float(expected[column]), rel=digits, abs=0)
            else:
                is_whole = isinstance(value, int) and not isinstance(value, bool)
                wanted = expected[column]
                assert as_text(value) == (str(int(float(wanted))) if is_whole and wanted else wanted), column


@pytest.mark.parametrize("name", TABLES)
@settings(deadline=None, max_examples=10)
@given(n=st.integers(0, 60), seed=st.integers(0, 99), n_prompts=st.integers(1, 3))
def test_it_holds_what_the_csv_holds(random_edge_scores: Any, name: str, n: int, seed: int, n_prompts: int):
    scores = random_edge_scores(WIRING, seed=seed, n_prompts=n_prompts)
    circuit = CircuitGraph.from_scores(scores, Greedy(n))
    data, text = (EXPORTS[kind].to_bytes(circuit, scores=[scores]) for kind in (name, "csv"))
    assert_same(READ[name](data), from_csv(text), digits=0 if name == "parquet" else 1e-15)


@pytest.mark.parametrize("name", TABLES)
def test_negative_zero_and_unmeasured_scores_differ(edge_scores_of: Any, name: str):
    scores = edge_scores_of({"input->logits": -2.0}, unmeasured=("input->a0.h0<v>",))
    circuit = CircuitGraph.from_scores(scores, TopEdges(1))
    found = {row["name"]: row["score"] for row in READ[name](EXPORTS[name].to_bytes(circuit, scores=[scores]))}
    assert (found["input->logits"], found["input->a0.h0<k>"], found["input->a0.h0<v>"]) == (-2.0, 0.0, None)


@pytest.mark.parametrize("name", TABLES)
def test_a_comparison_holds_what_the_csv_holds(random_edge_scores: Any, name: str):
    a, b = (CircuitGraph.from_scores(random_edge_scores(WIRING, seed=seed), Greedy(20)) for seed in (1, 2))
    both = compare(a, b)
    typed = READ[name](EXPORTS[name].to_bytes(both))
    assert_same(typed, from_csv(EXPORTS["csv"].to_bytes(both)), digits=0 if name == "parquet" else 1e-15)


@pytest.mark.parametrize("name", TABLES)
def test_it_says_where_it_came_from_whatever_that_is_called(random_edge_scores: Any, name: str):
    command = "circuits discover '=1+2 & <b>\"\u00e9\\ }{.jsonl' --prompts 8"
    scores = random_edge_scores(WIRING, seed=1, task="=SUM(A1) & <x>")
    circuit = CircuitGraph.from_scores(scores, Greedy(20))
    data = EXPORTS[name].to_bytes(circuit, scores=[scores], command=command)
    said = read_about(data, source="file")
    assert said["command"] == command
    assert said["circuit"]["edge_scores"]["task"] == about(circuit)["circuit"]["edge_scores"]["task"]


def test_excel_says_so_on_a_sheet_too(random_edge_scores: Any):
    scores = random_edge_scores(WIRING, seed=1, task="=SUM(A1)")
    circuit = CircuitGraph.from_scores(scores, Greedy(20))
    data = EXPORTS["xlsx"].to_bytes(circuit, scores=[scores], command="circuits discover ioi")
    sheet = openpyxl.load_workbook(io.BytesIO(data))["about"]
    facts = {str(row[0].value): row[1] for row in sheet.iter_rows()}
    assert facts["command"].value == "circuits discover ioi"
    task = next(cell for name, cell in facts.items() if name.endswith("task"))
    assert (task.value, task.data_type) == ("=SUM(A1)", "s")


@pytest.mark.parametrize("name", TABLES)
def test_the_same_scores_give_the_same_bytes(random_edge_scores: Any, name: str):
    scores = random_edge_scores(WIRING, seed=1)
    circuit = CircuitGraph.from_scores(scores, Greedy(20))
    first, second = (EXPORTS[name].to_bytes(each, scores=[scores]) for each in (circuit, replace(circuit)))
    assert first == second


@pytest.mark.parametrize("name", TABLES)
def test_without_its_package_it_says_what_to_install(
    random_edge_scores: Any, name: str, monkeypatch: pytest.MonkeyPatch
):
    circuit = CircuitGraph.from_scores(random_edge_scores(WIRING, seed=1), Greedy(20))
    monkeypatch.setattr("graphs.export.extra.find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r"not installed: pip install 'circuit-workbench\[tables\]'.*csv has the same"):
        EXPORTS[name].to_bytes(circuit)


@pytest.mark.parametrize("name", TABLES)
def test_without_scores_it_says_what_to_give(name: str):
    circuit = CircuitGraph.from_edges(WIRING, [Edge.parse("input->logits")])
    with pytest.raises(ValueError, match=f"^{name} lists every score .* give `scores`"):
        EXPORTS[name].to_bytes(circuit)


def test_more_rows_than_a_sheet_has_are_refused(random_edge_scores: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("graphs.export.xlsx._MOST_ROWS", 40)
    scores = random_edge_scores(WIRING, seed=1)
    with pytest.raises(ValueError, match=r"40 rows at most, and there are .* use parquet or csv"):
        EXPORTS["xlsx"].to_bytes(CircuitGraph.from_scores(scores, Greedy(20)), scores=[scores])


@pytest.mark.parametrize("name", ["csv", *TABLES])
def test_what_a_table_holds_is_said_with_its_rows(random_edge_scores: Any, name: str):
    scores = random_edge_scores(WIRING, seed=1, n_prompts=3)
    graph = CircuitGraph.from_scores(scores, Greedy(12))
    data, (note,) = EXPORTS[name].written(graph, scores=[scores])
    rows = from_csv(EXPORTS["csv"].to_bytes(graph, scores=[scores]))
    inside = [row for row in rows if row["in_circuit"] == "true"]
    edges = [row for row in inside if row["kind"] == "edge"]
    assert len(edges) == graph.n_edges
    assert note.startswith(f"Written: {len(rows)} rows: {len(rows) - WIRING.n_edges} components and {WIRING.n_edges} ")
    assert f"in_circuit is true in {len(inside)}: {len(inside) - len(edges)} components and {len(edges)} edges." in note
    if name == "csv":
        assert data == EXPORTS["csv"].to_bytes(graph, scores=[scores])


def test_what_a_table_of_two_circuits_holds_is_said(random_edge_scores: Any):
    scores = [random_edge_scores(WIRING, seed=seed, n_prompts=3) for seed in (1, 2)]
    both = compare(*(CircuitGraph.from_scores(one, Greedy(12)) for one in scores))
    data, (note,) = EXPORTS["csv"].written(both)
    kinds = [row["membership"] for row in from_csv(data)]
    for kind in set(kinds):
        assert f"{kind} {kinds.count(kind)}" in note
    assert f"Written: {len(kinds)} rows: " in note


def test_formats_that_hold_more_or_less_than_the_circuit_say_so(random_edge_scores: Any):
    scores = random_edge_scores(WIRING, seed=1, n_prompts=3)
    graph = CircuitGraph.from_scores(scores, Greedy(30))
    said = {name: export.written(graph, scores=[scores]) for name, export in EXPORTS.items() if name in SAID}
    (mib,), document = said["mib"].notes, json.loads(said["mib"].data)
    inside = [edge for edge in document["edges"].values() if edge["in_graph"]]
    assert mib.startswith(f"Written: {len(document['edges'])} edges, in the circuit or not.")
    assert f"in_graph is true in {len(inside)} of them" in mib
    (links,), document = said["neuronpedia"].notes, json.loads(said["neuronpedia"].data)
    assert f"{len(document['nodes'])} nodes and {len(document['links'])} links for {len(graph.nodes)} nodes" in links
    for name in ("latex", "markdown"):
        (note,) = said[name].notes
        assert "Only as ends of edges: input, " in note
    for name in ("json", "graphml", "dot", "cytoscape", "gexf"):
        assert said[name].notes == ()
