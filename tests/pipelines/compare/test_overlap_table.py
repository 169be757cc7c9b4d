"""What the tables of an overlap say below them is about what stands in them, and counts say what they count."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.components import Component, Edge, Wiring
from graphs import CircuitGraph, compare
from graphs.comparison.level import nodes_in_words
from pipelines.compare.many_table import membership_text
from pipelines.compare.overlap_table import _print_counts, _print_nulls, _print_scores

FLOOR = "can give no smaller p"
GROUPED = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)


def chance(null: str, measure: str, *, p: float, can_tell: bool = True) -> dict[str, Any]:
    return {
        "null": null,
        "measure": measure,
        "value": 0.5,
        "expected": 0.1,
        "p_value": p,
        "n_samples": 199,
        "can_tell": can_tell,
    }


def level(*chances: dict[str, Any]) -> dict[str, Any]:
    return {"chances": list(chances), "scores_are": ["a", "a"], "measures": {"cosine": 0.5}}


@pytest.mark.parametrize(
    ("overlap", "order", "said"),
    [
        (chance("rewired", "iou", p=1 / 200), chance("permuted scores", "cosine", p=0.4), (True, False)),
        (chance("rewired", "iou", p=0.4), chance("permuted scores", "cosine", p=1 / 200), (False, True)),
        (chance("rewired", "iou", p=1 / 200, can_tell=False), chance("rewired", "cosine", p=1 / 200), (False, False)),
    ],
)
def test_the_least_p_of_draws_is_explained_below_the_table_in_which_it_stands(
    capsys: pytest.CaptureFixture[str], overlap: dict[str, Any], order: dict[str, Any], said: tuple[bool, bool]
):
    for has_note, show in zip(said, (_print_nulls, _print_scores), strict=True):
        show({"edges": level(overlap, order)})
        printed = capsys.readouterr().out
        assert (FLOOR in printed, "<= .0050" in printed) == (has_note, has_note)


@pytest.mark.parametrize("can_tell", [True, False])
def test_the_p_of_the_overlap_is_that_of_the_null_that_leads(capsys: pytest.CaptureFixture[str], can_tell: bool):
    counts = dict.fromkeys(("n_a", "n_b", "n_shared"), 1) | {"iou": 1.0, "interval": None, "reuse_index": None}
    nulls = (chance("within layer", "iou", p=0.37), chance("within ports", "iou", p=0.24, can_tell=can_tell))
    shown = {"edges": level(*nulls) | counts | {"measures": {"of_a": 1.0, "of_b": 1.0}}}
    _print_counts(shown, "overlap")
    of_overlap = capsys.readouterr().out
    _print_nulls(shown)
    of_nulls = capsys.readouterr().out
    assert "│ .24 │" in of_overlap if can_tell else ".24" not in of_overlap
    assert "0.10, .24" in of_nulls if can_tell else "0.10, too few to tell" in " ".join(of_nulls.split())
    assert ".37" not in of_overlap
    assert "0.10, .37" in of_nulls


def test_nodes_are_counted_with_their_kinds():
    parts = [Component.parse(name) for name in ("input", "a0.kv0", "a0.h0", "a0.h1", "m0", "logits")]
    assert nodes_in_words(parts) == "2 heads, 1 key-value head, 1 MLP, input and logits"
    assert nodes_in_words(parts[2:3]) == "1 head"
    assert nodes_in_words([]) == ""
    row = {"shared": ["input"], "n": 6, "n_in_some": 0, "n_only_in": {"a": 4, "b": 1}, "kinds": nodes_in_words(parts)}
    assert membership_text("nodes", row) == (
        "nodes: 1 of 6 (2 heads, 1 key-value head, 1 MLP, input and logits) in all circuits, 4 only in a, 1 only in b"
    )


def test_a_network_says_how_many_of_its_edges_are_those_of_the_circuit():
    names = ("input->a0.kv0<v>", "input->a0.h0<q>", "a0.h0->m1", "a0.h1->logits", "m1->logits")
    graph = CircuitGraph.from_edges(GROUPED, map(Edge.parse, names))
    network = graph.to_networkx()
    assert network.graph == {"n_edges": graph.n_edges, "n_group_edges": 2}
    assert network.number_of_edges() == graph.n_edges + 2
    assert sum(kind == "edge" for *_, kind in network.edges(data="kind")) == graph.n_edges == 5


def test_a_comparison_counts_heads_and_mlps_apart():
    names = ("input->a0.kv0<v>", "a0.h0->m1", "m1->logits")
    graph = CircuitGraph.from_edges(GROUPED, map(Edge.parse, names))
    assert repr(compare(graph, graph)) == "<Comparison of A and B: 1 head, 1 MLP, 3 edges shared>"
