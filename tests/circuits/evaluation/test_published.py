"""Circuits from papers: counts that the papers give, and refusal of other models."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.components import Edge, Wiring
from circuits.evaluation.published import GPT2_SMALL, PUBLISHED, published_circuit
from circuits.masks import pruned


def test_ioi_has_26_heads_in_seven_roles():
    ioi = PUBLISHED["ioi"]
    assert (len(ioi.heads), len(set(ioi.heads)), len(ioi.roles)) == (26, 26, 7)
    assert ioi.role_of["a9.h9"] == "name mover"


def test_ioi_edges_are_counted_by_hand_and_with_links_inside_heads_make_the_published_number():
    assert GPT2_SMALL.n_edges == 32_491
    ioi = PUBLISHED["ioi"]
    kept_around_mlps = (12 + 66 + 12 + 1) + 123 + 3 * 189  # MLPs, input, logits; heads -> MLPs; MLPs -> heads' q, k, v
    into_heads = 3 * (2 + 3) + 4 + 2 * 13  # input -> previous and duplicate token, S-inhibition, movers
    between_heads = 2 * 2 * 4 + 2 * 4 * 4 + 2 * 3 * 4 + 4 * 13
    assert ioi.edges is not None
    assert len(ioi.edges) == kept_around_mlps + into_heads + between_heads + 13 == 963
    assert len(ioi.edges) + 3 * len(ioi.heads) == ioi.n_edges == 1041


@pytest.mark.parametrize(
    ("edge", "is_in"),
    [
        ("a8.h6->a9.h9<q>", True),
        ("a8.h6->a9.h9<k>", False),
        ("a5.h5->a8.h6<v>", True),
        ("a5.h5->logits", False),
        ("input->a9.h9<q>", False),
        ("m3->a9.h9<q>", True),
        ("a9.h9->logits", True),
        ("a9.h8->m10", False),
    ],
)
def test_ioi_edges_run_between_the_named_groups(edge, is_in):
    edges = PUBLISHED["ioi"].edges
    assert edges is not None
    assert (Edge.parse(edge) in edges) is is_in


def test_every_ioi_edge_lies_on_a_path():
    mask = PUBLISHED["ioi"].known.edge_mask(GPT2_SMALL)
    np.testing.assert_array_equal(pruned(GPT2_SMALL, mask), mask)


def test_greater_than_judges_mlps_and_lists_no_edges():
    known = PUBLISHED["greater-than"].known
    kinds = [node.kind for node in known.nodes]
    assert (kinds.count("head"), kinds.count("mlp"), known.edges) == (9, 8, None)
    assert np.count_nonzero(known.node_mask(GPT2_SMALL)) == 17
    with pytest.raises(ValueError, match="lists components only"):
        known.edge_mask(GPT2_SMALL)


def test_docstring_has_six_heads_of_an_attention_only_model():
    docstring = PUBLISHED["docstring"]
    assert len(docstring.heads) == 6
    assert not docstring.wiring.has_mlps
    docstring.known.check(docstring.wiring)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_of_another_shape_is_refused(name):
    with pytest.raises(ValueError, match=r"belongs to a model of \d+ layers.*this one has 6 layers of 5 heads"):
        PUBLISHED[name].known.check(Wiring(6, 5, 5))


@pytest.mark.parametrize("name", PUBLISHED)
def test_heads_are_in_the_model_in_one_role_each_with_a_source(name):
    circuit = PUBLISHED[name]
    assert len(set(circuit.heads)) == len(circuit.heads)
    assert set(circuit.heads) <= set(circuit.wiring.writers)
    assert "20" in circuit.source
    assert published_circuit(name) is published_circuit(circuit.name) is circuit


def test_the_circuits_of_gpt2_medium_share_the_heads_that_the_paper_calls_reused():
    ioi, colored = published_circuit("ioi-gpt2-medium"), published_circuit("colored-objects-gpt2-medium")
    shared = set(map(str, ioi.heads)) & set(map(str, colored.heads))
    assert shared == {"a15.h14", "a16.h15", "a17.h4", "a18.h5", "a19.h15", "a9.h3", "a6.h4"}
    assert "no full list" in ioi.note
    assert "no full list" in colored.note
    with pytest.raises(ValueError, match="no published circuit 'ioi-gpt2-xl'"):
        published_circuit("ioi-gpt2-xl")
