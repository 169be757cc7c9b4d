"""Circuits and comparisons as pictures, frames and what notebooks show."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, TopEdges, compare
from graphs.export import EXPORTS
from graphs.figures.layered.settings import DrawingSettings

pytestmark = pytest.mark.usefixtures("shared_fonts")
WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)


@pytest.fixture
def circuit(random_edge_scores):
    return CircuitGraph.from_scores(random_edge_scores(WIRING, seed=0), TopEdges(12))


@pytest.fixture
def comparison(circuit, random_edge_scores):
    other = CircuitGraph.from_scores(random_edge_scores(WIRING, seed=1, task="other"), TopEdges(12))
    return compare(circuit, other)


def test_every_setting_of_a_drawing_is_a_keyword_with_its_default():
    known = {field.name: field.default for field in fields(DrawingSettings)}
    known |= {"size": "page", "font": None}
    offered = {name: entry.default for name, entry in inspect.signature(CircuitGraph.draw).parameters.items()}
    del offered["self"]
    assert offered == known


def test_a_picture_is_what_export_writes(circuit, tmp_path):
    assert circuit.draw().to_bytes("svg") == EXPORTS["svg"].to_bytes(circuit)
    for ending, begins in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("eps", b"%!PS")):
        circuit.draw().save(tmp_path / f"circuit.{ending}")
        assert (tmp_path / f"circuit.{ending}").read_bytes().startswith(begins)


def test_a_comparison_is_drawn_too(comparison):
    assert comparison.draw(orientation="right").to_bytes("svg") != comparison.draw().to_bytes("svg")


def test_another_ending_is_refused(circuit, tmp_path):
    with pytest.raises(ValueError, match=r"circuit\.gif: the ending names the format.*\.svg"):
        circuit.draw().save(tmp_path / "circuit.gif")


def test_settings_are_refused_where_they_are_given(circuit):
    with pytest.raises(ValueError, match="top 0"):
        circuit.draw(top=0)
    with pytest.raises(ValueError, match="no size 'huge'"):
        circuit.draw(size="huge")


def test_a_frame_has_the_scores_of_all_parts(circuit):
    frame = circuit.to_frame().set_index("name")
    assert frame.index.tolist() == [part.name for part in (*circuit.nodes, *circuit.edges)]
    for part in (*circuit.nodes, *circuit.edges):
        assert frame.loc[part.name, ["score", "low", "high"]].tolist() == [part.score, part.low, part.high]
    assert frame.loc["a0.h1", ["kind", "layer", "index"]].tolist() == ["head", 0, 1]


def test_a_circuit_without_scores_has_a_frame(circuit):
    frame = CircuitGraph.from_edges(WIRING, [Edge.parse("input->logits")]).to_frame()
    assert frame["name"].tolist() == ["input", "logits", "input->logits"]
    assert set(frame["score"].isna()) == {True}


def test_a_comparison_says_who_has_what(comparison):
    frame = comparison.to_frame()
    expected = {**comparison.node_membership(), **comparison.edge_membership()}
    assert dict(zip(frame["name"], frame["membership"], strict=True)) == expected


def test_notebooks_show_a_drawing_and_the_strongest_heads(circuit, comparison):
    for subject in (circuit, comparison):
        shown = subject._repr_html_()
        assert shown.count("data:image/svg+xml;base64,") == 1
        assert "<table" in shown
    assert circuit.draw()._repr_svg_().startswith("<?xml")


def test_names_are_escaped(circuit):
    named = replace(circuit, provenance=replace(circuit.provenance, task="<script>", model="<img src=x onerror=1>"))
    shown = named._repr_html_()
    assert "<script>" not in shown
    assert "<img src=x" not in shown
    assert "&lt;script&gt;" in shown


def test_reprs_are_short(circuit, comparison):
    assert repr(circuit) == f"<CircuitGraph ioi: {circuit.description}>"
    assert len(repr(comparison)) < 120
    assert repr(circuit.draw()) == f"<Picture: ioi: {circuit.description}>"
