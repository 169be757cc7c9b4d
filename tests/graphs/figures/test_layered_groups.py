"""Groups made by hand: whatever they hold, all else keeps its place, and every line leads onwards."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Component, Edge, Wiring
from graphs import Annotations, CircuitGraph, Greedy, Group
from graphs.figures.layered.bands import bands
from graphs.figures.layered.composition import Composition
from graphs.figures.layered.drawing import composed
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import Size

GROUPED = Wiring(n_layers=4, n_heads=4, n_kv_heads=2)
LARGE = Size(30, 30, 7)


def drawn(graph: CircuitGraph, *groups: tuple[str, ...]) -> Composition:
    named = tuple(Group(f"group {number}", nodes) for number, nodes in enumerate(groups))
    with np.errstate(all="raise", under="ignore"):
        return composed(graph, DrawingSettings(size=LARGE, annotations=Annotations(named)))


def circuit(*names: str) -> CircuitGraph:
    return CircuitGraph.from_edges(GROUPED, map(Edge.parse, names))


def layer_beside(composition: Composition, name: str) -> int | None:
    """The number of the layer in whose band a box stands."""
    assert composition.placed is not None
    places = composition.placed[0]
    found = [band.layer for band in bands(composition.scene, places) if band.begin < places.along[name] < band.end]
    assert len(found) <= 1
    return found[0] if found else None


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**16), n=st.integers(6, 60), data=st.data())
def test_every_line_leads_onwards_and_what_is_in_no_group_keeps_its_layer(random_edge_scores, seed, n, data):
    graph = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=seed, n_prompts=2), Greedy(n))
    nodes = data.draw(st.permutations([node.name for node in graph.nodes if node.component.layer is not None]))
    ends = sorted(data.draw(st.lists(st.integers(1, max(1, len(nodes))), min_size=1, max_size=3, unique=True)))
    groups = [tuple(nodes[begin:end]) for begin, end in pairwise([0, *ends])]
    composition = drawn(graph, *filter(None, groups))
    assert composition.placed is not None
    scene, places = composition.scene, composition.placed[0]
    assert sorted(name for row in places.rows for name in row) == sorted(scene.boxes)
    for line in scene.lines:
        begin = places.along[line.source] + places.depths[line.source] / 2
        assert begin < places.along[line.target] - places.depths[line.target] / 2, line.name
    for row in places.rows:
        for (_, right), (left, _) in pairwise(sorted(places.spans[name] for name in row)):
            assert right <= left + 1e-9, row
    for name, box in scene.boxes.items() if scene.has_layers else ():
        if len(box.parts) == 1 and not box.is_bar:
            assert layer_beside(composition, name) == box.parts[0].layer


def test_a_key_value_head_stays_in_its_layer_when_its_heads_join_others():
    graph = circuit(
        "input->a0.h1<q>", "a0.h1->a1.h0<q>", "input->a3.kv0<v>", "a0.h2->a3.kv0<v>", "a3.h0->logits", "a3.h1->logits",
        "input->a0.h2<q>", "a1.h0->m1", "m1->logits",
    )  # fmt: skip
    composition = drawn(graph, ("a3.h0", "a3.h1", "a1.h0"))
    assert composition.scene.has_layers
    assert layer_beside(composition, "a3.kv0") == 3
    # m1 comes after a1.h0, so that the group stands in layer 1.
    assert composition.scene.boxes["a1.h0+a3.h0+a3.h1"].rank == Component("head", 1, 0).row


def test_a_group_stands_after_the_key_value_heads_that_serve_it_where_lines_allow_it():
    graph = circuit("input->a1.h0<q>", "a1.h0->logits", "input->a3.kv0<v>", "a3.h1->logits")
    composition = drawn(graph, ("a1.h0", "a3.h1"))
    assert layer_beside(composition, "a1.h0+a3.h1") == 3


@pytest.mark.parametrize(
    ("group", "beside"),
    [
        (("a3.h0", "a3.h1"), {"a3.kv0": ("a3.h0+a3.h1",), "a3.kv1": ("a3.h2",)}),
        (("a3.h1", "a3.h2"), {"a3.kv0": ("a3.h0",)}),
        (("a3.kv0", "a3.kv1"), {"a3.kv0+a3.kv1": ("a3.h0", "a3.h1", "a3.h2")}),
        (("a3.h1", "m3"), {"a3.kv0": ("a3.h0",), "a3.kv1": ("a3.h2",)}),
    ],
)  # fmt: skip
def test_heads_stand_beside_the_key_value_head_that_alone_serves_them(group, beside):
    served = [f"a3.h{index}->logits" for index in range(3)]
    graph = circuit("input->a3.kv0<v>", "input->a3.kv1<v>", *served, "input->m3", "m3->logits")
    assert drawn(graph, group).scene.serves == beside


def test_boxes_in_steps_are_called_in_full_as_no_layer_stands_beside_them():
    graph = circuit(
        "input->a0.h0<q>", "a0.h0->a1.h1<q>", "a1.h1->logits", "input->a2.h2<q>", "a2.h2->a3.h3<q>", "a3.h3->logits"
    )
    composition = drawn(graph, ("a0.h0", "a3.h3"))
    assert not composition.scene.has_layers
    assert {box.short for box in composition.scene.boxes.values()} >= {"a1.h1", "a2.h2"}
