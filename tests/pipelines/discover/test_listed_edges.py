"""Edges that a method was asked for by name are what it finds; of others, the strongest outside the circuit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines import discover

Command = Callable[..., Any]
NO_PATH = "edges=[a1.h0->logits,input->a0.h1<q>]"


def exact(tiny: Any, *more: str, edges: str) -> tuple[str, ...]:
    return (*tiny.arguments, "--method", "exact-edges", "--set", edges, *more)


def test_edges_that_make_no_circuit_are_listed_with_their_effects_and_nothing_is_said_of_a_circuit(
    circuits: Command, tiny: Any, tmp_path: Any
):
    answer = circuits(*exact(tiny, edges=NO_PATH), "--json")
    rows = answer.json["named_edges"]["rows"]
    every = discover(**tiny.settings(out=tmp_path, method="exact-edges")).scores
    means = {str(edge): mean for edge, mean in zip(every.wiring.edges, every.means, strict=True)}
    assert {row["edge"] for row in rows} == {"a1.h0->logits", "input->a0.h1<q>"}
    for row in rows:
        assert row["score"] == pytest.approx(means[row["edge"]], abs=1e-5)
        assert row["interval"][0] <= row["score"] <= row["interval"][1]
    assert abs(rows[0]["score"]) >= abs(rows[1]["score"])
    shown = circuits(*exact(tiny, edges=NO_PATH))
    assert "make no path from the" in shown.stdout
    assert "faithfulness" not in shown.stdout
    assert f"{rows[0]['score']:+.3f}" in shown.stdout[shown.stdout.index("edges asked for") :]
    for said in (answer.stderr, shown.stderr):
        assert not any(words in said for words in ("circuit is empty", "not faithful", "size"))


def test_a_circuit_of_named_edges_is_shown_only_where_it_was_asked_for(circuits: Command, tiny: Any):
    path = "edges=[a1.h0->logits,input->a1.h0<v>,input->a1.h0<q>]"
    assert "none was asked for (--edges)" in circuits(*exact(tiny, edges=path)).stdout
    asked = circuits(*exact(tiny, "--edges", "3", edges=path))
    assert "faithfulness" in asked.stdout
    assert "edges asked for" in asked.stdout


def test_no_size_is_tried_that_has_more_edges_than_were_measured(circuits: Command, tiny: Any):
    screened = ("--method", "exact-edges", "--set", "screen=eap", "--set", "contested=7", "--tolerance", "0.001")
    choices = circuits(*tiny.arguments, *screened, "--json").json["choice"]["choices"]
    tried = [size for entry in choices for search in entry["searches"] for size, _ in search["tried"]]
    assert tried
    assert max(tried) <= 7


def test_a_run_of_all_edges_lists_none_by_name(circuits: Command, tiny: Any):
    assert "named_edges" not in circuits(*tiny.arguments, "--json").json


def test_the_strongest_edges_that_the_circuit_lacks_are_shown_with_what_their_sign_means(circuits: Command, tiny: Any):
    asked = (*tiny.arguments, "--edges", "12", "--ranking", "signed")
    summary = circuits(*asked, "--json").json
    rows, shown = summary["strongest_left_out"], circuits(*asked).stdout
    run = discover(**tiny.settings(edges=12, ranking="signed"))
    held = {str(edge.edge) for edge in run.circuit.edges}
    means = {str(edge): mean for edge, mean in zip(run.scores.wiring.edges, run.scores.means, strict=True)}
    outside = sorted((edge for edge in means if edge not in held), key=lambda edge: -abs(means[edge]))
    assert [row["edge"] for row in rows] == outside[: len(rows)]
    assert all(f"{row['score']:+.3f}" in shown and row["edge"] in shown for row in rows)
    assert any(row["score"] < 0 for row in rows)
    assert "negative: works against the" in shown
    assert "strongest edges in the circuit" in shown
    assert "heads in the circuit" in shown
    everything = circuits(*tiny.arguments, "--edges", "9999", "--json").json
    assert len(everything["strongest_left_out"]) == 0
