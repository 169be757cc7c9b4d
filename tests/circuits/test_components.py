"""Names and wiring: inverse parsing, published counts, order, paths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.components import Component, Edge, Reader, Wiring, head, mlp

wirings = st.builds(
    lambda layers, groups, size, is_parallel, has_mlps: Wiring(layers, groups * size, groups, is_parallel, has_mlps),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)


def test_gpt2_small_has_the_published_number_of_edges():
    """EAP-IG counts 157 writers, 445 readers and 32,491 edges."""
    wiring = Wiring(12, 12, 12)
    assert (len(wiring.writers), len(wiring.readers), wiring.n_edges) == (157, 445, 32491)


def test_edges_of_a_small_model_listed_by_hand():
    names = [str(edge) for edge in Wiring(1, 2, 2).edges]
    assert names == [
        "input->a0.h0<q>",
        "input->a0.h1<q>",
        "input->a0.h0<k>",
        "input->a0.h1<k>",
        "input->a0.h0<v>",
        "input->a0.h1<v>",
        "input->m0",
        "a0.h0->m0",
        "a0.h1->m0",
        "input->logits",
        "a0.h0->logits",
        "a0.h1->logits",
        "m0->logits",
    ]


@given(wirings)
def test_names_and_numbers_of_edges_are_inverse(wiring):
    for number, edge in enumerate(wiring.edges):
        assert Edge.parse(str(edge)) == edge
        assert wiring.edge_index(edge) == number
    assert len(wiring.edges) == wiring.n_edges


@given(wirings)
def test_every_component_name_parses_back(wiring):
    for component in (*wiring.writers, *(reader.component for reader in wiring.readers)):
        assert Component.parse(str(component)) == component


@given(wirings)
def test_sources_run_before_targets(wiring):
    for edge in wiring.edges:
        if edge.source.layer is not None and edge.target.layer is not None:
            same_layer = edge.source.layer == edge.target.layer
            assert edge.source.layer < edge.target.layer or (
                same_layer and edge.source.kind == "head" and edge.target.kind == "mlp" and not wiring.is_parallel
            )


@given(wirings)
def test_all_edges_together_lie_on_paths(wiring):
    assert tuple(wiring.on_a_path(wiring.edges)) == wiring.edges


def test_dead_ends_and_unreached_edges_are_dropped():
    wiring = Wiring(2, 2, 2)
    path = ["input->a0.h0<v>", "a0.h0->a1.h1<q>", "a1.h1->logits"]
    dead_end, unreached = "a0.h0->m0", "a0.h1->logits"
    kept = wiring.on_a_path(Edge.parse(name) for name in [unreached, *path, dead_end])
    assert [str(edge) for edge in kept] == path


def test_a_key_value_head_leads_to_every_head_it_serves():
    wiring = Wiring(1, 4, 2)
    group = Component("kv", 0, 1)
    assert wiring.heads_of_group(group) == (head(0, 2), head(0, 3))
    assert wiring.group_of_head(head(0, 3)) == group
    names = ["input->a0.kv1<v>", "a0.h3->logits"]
    assert [str(edge) for edge in wiring.on_a_path(map(Edge.parse, names))] == names
    assert not list(wiring.on_a_path(map(Edge.parse, ["input->a0.kv0<v>", "a0.h3->logits"])))


def test_parallel_mlps_do_not_read_their_own_layers_heads():
    serial, parallel = Wiring(2, 3, 3), Wiring(2, 3, 3, is_parallel=True)
    assert serial.n_edges - parallel.n_edges == 2 * 3
    with pytest.raises(ValueError, match="runs backwards"):
        parallel.edge_index(Edge(head(0, 0), mlp(0)))


@pytest.mark.parametrize("name", ["a9h6", "m", "attn3", "a9.h6<q>", "", "logit"])
def test_an_invalid_name_says_what_names_look_like(name):
    with pytest.raises(ValueError, match=r"Names look like 'input', 'r9', .*'a9\.h6'"):
        Component.parse(name)


@pytest.mark.parametrize(("parse", "name"), [(Edge.parse, "a0.h1"), (Reader.parse, "a0.h1<x>")])
def test_malformed_edges_and_readers_are_refused(parse, name):
    with pytest.raises(ValueError, match="Names look like"):
        parse(name)


def test_the_ends_of_an_edge_are_offered_what_they_may_be():
    with pytest.raises(ValueError, match=r"Names look like 'input', 'a9\.h6', 'a9', 'm9'\.$"):
        Edge.parse("kv3->logits")
    with pytest.raises(ValueError, match=r"Names look like 'a9\.kv6', 'a9\.h6', 'a9', 'm9', 'logits'\.$"):
        Edge.parse("input->out")


def test_a_component_the_model_lacks_is_refused_with_what_it_has():
    with pytest.raises(ValueError, match=r"no head a7\.h0\. It has layers 0-1, each with heads 0-3, and MLPs m0 to m1"):
        Wiring(2, 4, 2).writer_index(head(7, 0))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "a33.h1->logits",
            "this model has no head a33.h1. It has layers 0-29, each with heads 0-8, and MLPs m0 to m29.",
        ),
        ("m3->a2.h9<q>", "this model has no head a2.h9. It has layers 0-29, each with heads 0-8"),
        ("m40->logits", "this model has no MLP m40. It has layers 0-29, .*, and MLPs m0 to m29."),
        (
            "input->a1.kv7<k>",
            "this model has no key-value head a1.kv7. It has layers 0-29, each with heads 0-8 on key-value heads 0-2,",
        ),
        (
            "a1.kv1->logits",
            "no edge starts from a1.kv1: it is only read into. Give the heads that it serves (a1.h3, a1.h4, a1.h5), or "
            "an edge into it (input->a1.kv1<v>).",
        ),
        ("input->a1.h0<k>", "no edge ends in a1.h0<k>, which several heads share: give a1.kv0<k>."),
        ("input->a1.h0", "no edge ends in a1.h0: give a1.h0<q>."),
        ("input->m3<q>", "no edge ends in m3<q>: give m3."),
        ("logits->m3", "no edge starts from logits: it is only read into."),
        ("m3->input", "no edge ends in input: nothing comes before it."),
        ("r3->logits", "this model has no part of a circuit called r3."),
    ],
)
def test_what_is_no_edge_of_a_model_is_said_in_its_heads_and_layers(name: str, said: str):
    with pytest.raises(ValueError, match=re.escape(said).replace(r"\.\*", ".*")):
        Wiring(30, 9, 3).edge_index(Edge.parse(name))


def test_a_head_of_a_model_whose_heads_are_joined_is_named():
    with pytest.raises(ValueError, match=r"no head a3.h1. It has layers 0-29 with their heads joined, a0 to a29"):
        Wiring(30, 9, 3).by_layer.edge_index(Edge.parse("a3.h1->logits"))
