"""Rankings held against a circuit that is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from circuits.components import Edge, Wiring, head
from circuits.evaluation.known_circuit import KnownCircuit, read_known
from circuits.evaluation.ranking import auroc, edge_auroc, node_auroc
from circuits.scores import ComponentScores, EdgeScores, Provenance

# input, a0.h0, m0; into q, k, v, m0 and logits: eight edges.
SMALL = Wiring(1, 1, 1)
ORIGIN = Provenance("made-up", {}, "logit-difference", "small", "0", "none", "0")


def small_scores(*rows, measured=None):
    per_prompt = np.array(rows, dtype=float)
    return EdgeScores(SMALL, per_prompt, np.ones(8, dtype=bool) if measured is None else measured, ORIGIN)


def known(*edges):
    return KnownCircuit("made up", tuple(map(Edge.parse, edges)), (head(0, 0),))


def test_auroc_is_the_share_of_pairs_ranked_right():
    assert auroc(np.array([True, False, True, False]), np.array([3.0, 2.0, 1.0, 0.0])) == 3 / 4


def test_edges_are_ranked_by_their_mean_and_by_their_highest_prompt():
    # input->q cancels over prompts, but is the strongest on each of them.
    scores = small_scores([9, 1, 0, 0, 0, 0, 0, 2], [-9, 1, 0, 0, 0, 0, 0, -4])
    areas = edge_auroc(scores, known("input->a0.h0<q>", "m0->logits"))
    # By |mean|: 0, 1, 0 0 0 0 0, 1. m0->logits ties one edge and beats five; input->q ties five and loses to one.
    assert areas.by_mean == pytest.approx((5.5 + 2.5) / 12)
    assert areas.by_prompt == 1


def test_only_measured_edges_are_ranked():
    measured = np.array([True] * 4 + [False] * 4)
    scores = small_scores([3, 2, 1, 0, 0, 0, 0, 0], measured=measured)
    assert edge_auroc(scores, known("input->a0.h0<q>", "input->a0.h0<v>", "m0->logits")).by_mean == 3 / 4
    with pytest.raises(ValueError, match="has 0 of 4 measured edges"):
        edge_auroc(scores, known("m0->logits"))


def test_nodes_are_ranked_by_the_strongest_of_their_edges():
    wiring = Wiring(1, 3, 3, has_mlps=False)  # input -> q, k, v of three heads; input and heads -> logits
    scores = np.zeros((2, wiring.n_edges))
    for edge, values in (("input->a0.h0<k>", (5, -5)), ("a0.h1->logits", (2, 2)), ("input->a0.h2<v>", (1, 1))):
        scores[:, wiring.edge_index(Edge.parse(edge))] = values
    areas = node_auroc(
        EdgeScores(wiring, scores, np.ones(wiring.n_edges, dtype=bool), ORIGIN),
        KnownCircuit("made up", None, (head(0, 0),)),
    )
    assert areas == (0, 1)  # last by mean, first by its highest prompt


def test_given_node_scores_are_ranked_at_their_position():
    parts = (head(0, 0), head(0, 1), head(0, 2))
    values = np.array([[[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]])
    scores = ComponentScores(Wiring(1, 3, 3), parts, ("all", "0"), values, np.ones((1, 2, 3), dtype=bool), ORIGIN)
    truth = KnownCircuit("made up", None, (head(0, 0),))
    assert [node_auroc(scores, truth, position=position).by_mean for position in ("all", "0")] == [0, 1]


def test_kinds_that_the_known_circuit_does_not_judge_are_left_out():
    wiring = Wiring(1, 2, 2)
    values = np.array([[[2.0, 1.0, 3.0]]])
    scores = ComponentScores(wiring, wiring.writers[1:], ("all",), values, np.ones((1, 1, 3), dtype=bool), ORIGIN)
    assert node_auroc(scores, KnownCircuit("a", None, (head(0, 0),), ("head",))).by_mean == 1
    assert node_auroc(scores, KnownCircuit("a", None, (head(0, 0),))).by_mean == 1 / 2


def test_a_known_circuit_of_another_model_is_refused_by_the_edge_it_lacks():
    with pytest.raises(ValueError, match=r"'made up' has a3\.h0->logits: this model has no head a3\.h0"):
        known("a3.h0->logits").check(SMALL)


@pytest.mark.parametrize("edges", [(), tuple(map(str, SMALL.edges))], ids=["none", "all"])
def test_a_known_circuit_of_all_or_no_edges_ranks_nothing(edges):
    with pytest.raises(ValueError, match=f"has {len(edges)} of 8 edges: a ranking needs some inside"):
        known(*edges).check(SMALL)


def test_a_known_circuit_is_read_from_json(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"edges_that_matter": ["input->a0.h0<k>", "a0.h0->logits"]}))
    assert read_known(path).nodes == (head(0, 0),)
    path.write_text(json.dumps({"edges": ["input->a0.h0<k>"], "nodes": ["m0"]}))
    assert [str(node) for node in read_known(path).nodes] == ["m0"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot read the known circuit"),
        ("[]", "expected a JSON object with a list edges_that_matter or edges"),
        ('{"edges": ["a0.h0"]}', "no edge can be called 'a0.h0'"),
        ('{"edges": "input->m0"}', "expected a list of names"),
    ],
)
def test_a_file_that_holds_no_known_circuit_is_refused(tmp_path, text, said):
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_known(path)
