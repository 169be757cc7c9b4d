"""Groups of heads in circuits: kept by every export, absent where nothing grouped the heads."""

from __future__ import annotations

import csv
import io

import pytest

from circuits.components import Wiring
from graphs import CircuitGraph, TopEdges, compare
from graphs.export import EXPORTS, ReadableExport
from graphs.export.flatten import flatten

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
GROUPS = {"a0.h0": 0, "a0.h1": 1, "a1.h0": 0}
READABLE = [export for export in EXPORTS.values() if isinstance(export, ReadableExport)]


@pytest.fixture(scope="module")
def scores(random_edge_scores):
    return random_edge_scores(WIRING, seed=0)


@pytest.fixture(scope="module")
def grouped(scores):
    return CircuitGraph.from_scores(scores, TopEdges(99), groups=GROUPS)


@pytest.fixture(scope="module")
def plain(scores):
    return CircuitGraph.from_scores(scores, TopEdges(99))


def test_heads_have_the_groups_given_and_others_none(grouped):
    assert {node.name: node.group for node in grouped.nodes} == {**GROUPS, "a1.h1": None, "input": None, "logits": None}


@pytest.mark.parametrize("export", READABLE, ids=lambda export: export.extension)
def test_groups_are_read_back(grouped, export):
    assert export.from_bytes(export.to_bytes(grouped)) == grouped


@pytest.mark.parametrize("export", READABLE, ids=lambda export: export.extension)
def test_files_without_groups_are_read_as_circuits_without_groups(plain, export):
    data = export.to_bytes(plain)
    assert b"group" not in data.replace(b'kind="group"', b"")
    assert export.from_bytes(data) == plain


def test_csv_has_a_column_of_groups_only_where_there_are_some(grouped, plain, node_scores_of):
    nodes = node_scores_of({"a0.h0": 1.0, "a1.h1": 2.0}, wiring=WIRING)
    with_groups, without = (
        list(csv.DictReader(io.StringIO(EXPORTS["csv"].to_bytes(graph, scores=[nodes]).decode())))
        for graph in (grouped, plain)
    )
    assert {row["name"]: row["group"] for row in with_groups} == {"a0.h0": "0", "a1.h1": ""}
    assert "group" not in without[0]


def test_the_networkx_graph_carries_groups(grouped):
    assert dict(grouped.to_networkx().nodes(data="group"))["a0.h1"] == 1
    assert "group" not in grouped.to_networkx().nodes["a1.h1"]


def test_comparisons_carry_no_groups_because_every_circuit_numbers_its_own(grouped, plain, scores):
    flat = flatten(compare(grouped, plain, scores=(scores, scores), resamples=3))
    assert not any("group" in data for _, data in flat.nodes(data=True))
