"""A discovery ends with its strongest heads, and says which went with edges that lay on no path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Component, Edge, Wiring
from circuits.scores import ComponentScores, EdgeScores, Provenance
from graphs import CircuitGraph, TopEdges
from pipelines.discover.strongest_heads import print_strongest_heads, strongest_heads

Command = Callable[..., Any]
WIRING = Wiring(n_layers=6, n_heads=2, n_kv_heads=2, has_mlps=False)
DIRECT = [Edge.parse(f"a{layer}.h{number}->logits") for layer in range(6) for number in range(2)]


def origin(method: str) -> Provenance:
    return Provenance(method, {}, "logit-difference", "model", "", "task", "", scores_are="estimated")


def scores_of(values: dict[Edge, float], *, n_prompts: int = 2) -> EdgeScores:
    """Edges with these scores on every prompt, all others measured as 0.001."""
    means = np.full(WIRING.n_edges, 0.001)
    for edge, value in values.items():
        means[WIRING.edge_index(edge)] = value
    return EdgeScores(WIRING, np.tile(means, (n_prompts, 1)), np.ones(WIRING.n_edges, dtype=np.bool_), origin("eap"))


def whole(scores: EdgeScores, nodes: ComponentScores | None = None) -> CircuitGraph:
    return CircuitGraph.from_scores(scores, TopEdges(WIRING.n_edges), node_scores=nodes)


def test_ten_heads_are_listed_by_the_size_of_the_sum_of_their_outgoing_edges():
    values = {edge: (-1) ** number * (number + 1.0) for number, edge in enumerate(DIRECT)}
    rows = strongest_heads(whole(scores_of(values)))
    assert [row["head"] for row in rows] == [str(edge.source) for edge in reversed(DIRECT)][:10]
    last = rows[0]
    assert last["score"] == pytest.approx(-12)  # a5.h1 has no other outgoing edge: no MLP and no layer follow
    assert last["interval"] == pytest.approx([-12, -12])
    assert (last["score_is"], last["measured_by"]) == ("estimated, summed over all outgoing edges", "eap")


def test_what_the_edges_in_the_circuit_add_to_a_sum_over_all_edges_stands_beside_it(capsys: pytest.CaptureFixture[str]):
    out = [Edge.parse(f"a0.h0->{end}") for end in ("a1.h0<v>", "logits")]
    scores = scores_of({out[0]: 0.25, out[1]: 2.0, Edge.parse("input->a0.h0<v>"): 3.0})
    graph = CircuitGraph.from_scores(scores, TopEdges(2))
    assert [item.name for item in graph.edges] == ["input->a0.h0<v>", "a0.h0->logits"]
    (row,) = strongest_heads(graph)
    n_others = sum(edge.source == out[0].source for edge in WIRING.edges) - 2
    assert row["of_circuit"] == pytest.approx(2.0)
    assert row["score"] == pytest.approx(2.25 + 0.001 * n_others)
    print_strongest_heads({"strongest_heads": [row], "circuit": {"n_heads": 1}})
    shown = capsys.readouterr().out
    assert "edges in the circuit" in shown
    assert "+2.000" in shown
    assert "sum over all outgoing edges, in the circuit or not, estimated by eap" in shown


def test_the_heads_own_effect_is_listed_where_it_was_measured():
    heads = tuple(Component.parse(f"a{layer}.h0") for layer in range(3))
    own = np.array([[[1.0, -3.0, 2.0]]])
    nodes = ComponentScores(WIRING, heads, ("all",), own, np.ones(own.shape, dtype=np.bool_), origin("patching"))
    rows = strongest_heads(whole(scores_of({}), nodes))
    assert [(row["head"], row["score"], row["interval"]) for row in rows] == [
        ("a1.h0", -3.0, None),
        ("a2.h0", 2.0, None),
        ("a0.h0", 1.0, None),
    ]
    assert {row["measured_by"] for row in rows} == {"patching"}


def test_numbers_stand_below_each_other(capsys: pytest.CaptureFixture[str]):
    rows = [
        {
            "head": "a0.h1",
            "score": 12.5,
            "interval": [11.0, 14.0],
            "score_is": "measured",
            "measured_by": "m",
            "of_circuit": None,
            "at": "END",
        },
        {
            "head": "a1.h0",
            "score": -0.25,
            "interval": None,
            "score_is": "measured",
            "measured_by": "m",
            "of_circuit": None,
            "at": "END",
        },
    ]
    print_strongest_heads({"strongest_heads": rows, "circuit": {"n_heads": 5}})
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if "│" in line]
    assert (
        len({line.index(number) + len(number) for line, number in zip(lines, ("+12.500", "-0.250"), strict=True)}) == 1
    )
    assert shown.startswith("strongest 2 of 5 heads in the circuit")
    assert "edges in the circuit" not in shown
    assert "own effect, measured by m at END" in shown
    print_strongest_heads({"strongest_heads": [], "circuit": {"n_heads": 0}})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("eap-ig", "sum over all outgoing edges, in the circuit or not, estimated by eap-ig"),
        ("activation-patching", "own effect, measured by"),
    ],
)
def test_a_discovery_ends_with_its_heads_as_its_file_does(circuits: Command, tiny: Any, method: str, says: str):
    asked = (*tiny.arguments, "--method", method, "--edges", "20")
    shown, summary = circuits(*asked).stdout, circuits(*asked, "--json").json
    rows = json.loads((Path("runs") / summary["run"] / "summary.json").read_text())["strongest_heads"]
    assert rows == summary["strongest_heads"]
    assert says in shown
    for row in rows:
        low, high = row["interval"]
        assert low <= row["score"] <= high
        assert f"{row['score']:+.3f} " in shown[shown.index("95 % interval") :]


def test_chosen_edges_on_no_path_are_counted_and_their_heads_named(circuits: Command, tiny: Any):
    """The strongest edges of all, of which some lie on no path."""
    asked = (*tiny.arguments, "--edges", "10", "--selection", "top-edges", "--ranking", "absolute")
    answer = circuits(*asked, "--json")
    circuit = answer.json["circuit"]
    assert circuit["on_no_path"]
    assert circuit["n_chosen"] - circuit["on_no_path"] == circuit["n_edges"]
    heads = [part for part in circuit["left_out"] if part.startswith("a")]
    assert heads
    assert not set(heads) & set(circuit["nodes"])
    shown = " ".join(circuits(*asked).stdout.replace("│", " ").split())
    lay = f"{circuit['n_chosen']} edges were chosen: {circuit['on_no_path']} lay on no path from the embedding"
    assert lay in shown
    assert f"heads that went with them: {', '.join(sorted(heads))}" in shown
    assert all(head in answer.stderr for head in heads)


def test_nothing_is_said_of_edges_on_no_path_where_there_are_none(circuits: Command, tiny: Any):
    asked = (*tiny.arguments, "--edges", "8")
    circuit = circuits(*asked, "--json").json["circuit"]
    assert (circuit["n_chosen"], circuit["on_no_path"]) == (circuit["n_edges"], 0)
    assert "lay on no path" not in circuits(*asked).stdout
