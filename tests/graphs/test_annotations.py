"""Groups and notes that were made on a page, in drawings."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, compare
from graphs.annotations import Annotations, Group, annotations_from
from graphs.figures.layered.drawing import drawing_bytes
from graphs.figures.layered.merge import grouped
from graphs.figures.layered.scene import Scene, scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import notes_in, show

WIRING = Wiring(n_layers=3, n_heads=2, n_kv_heads=2)
NAMES = (
    "input->a0.h0<v>", "input->a0.h1<v>", "a0.h0->a1.h0<q>", "a0.h1->a1.h0<q>", "a0.h0->a1.h1<v>", "a1.h0->a2.h0<v>",
    "a1.h1->logits", "a2.h0->logits",
)  # fmt: skip


@pytest.fixture
def graph() -> CircuitGraph:
    """Edges that score 1, 2, 3, ..."""
    bare = CircuitGraph.from_edges(WIRING, map(Edge.parse, NAMES))
    scored = {name: float(number + 1) for number, name in enumerate(NAMES)}
    return replace(bare, edges=tuple(replace(item, score=scored[item.name]) for item in bare.edges))


def lines_of(scene: Scene) -> dict[str, float | None]:
    return {line.name: line.scores[0] for line in scene.lines}


def test_a_group_is_one_box_whose_lines_add_up(graph):
    annotations = Annotations((Group("first two", ("a0.h0", "a0.h1")),))
    scene = grouped(scene_of([graph]), annotations)
    box = scene.boxes["a0.h0+a0.h1"]
    assert (box.label, [str(part) for part in box.parts]) == ("first two (2)", ["a0.h0", "a0.h1"])
    lines = lines_of(scene)
    assert lines["input->a0.h0+a0.h1<v>"] == 1 + 2
    assert lines["a0.h0+a0.h1->a1.h0<q>"] == 3 + 4
    assert lines["a0.h0+a0.h1->a1.h1<v>"] == 5
    assert len(lines) == 6
    assert scene.has_layers


def test_lines_inside_a_group_are_left_out(graph):
    scene = grouped(scene_of([graph]), Annotations((Group("path", ("a0.h0", "a1.h1")),)))
    assert "a0.h0->a1.h1<v>" not in lines_of(scene)
    assert lines_of(scene)["a0.h0+a1.h1->logits"] == 7


def test_a_group_that_a_path_comes_back_to_is_two_boxes(graph):
    scene = grouped(scene_of([graph]), Annotations((Group("ends", ("a0.h0", "a2.h0")),)))
    assert [box.label for box in scene.boxes.values() if box.label.startswith("ends")] == ["ends (1)", "ends (1)"]


def test_every_line_leads_on_also_between_groups(graph):
    groups = (Group("a", ("a0.h0", "a1.h1")), Group("b", ("a0.h1", "a1.h0")))
    scene = grouped(scene_of([graph]), Annotations(groups))
    assert all(scene.boxes[line.source].rank < scene.boxes[line.target].rank for line in scene.lines)


def test_the_strongest_edges_are_taken_before_they_are_grouped(graph):
    annotations = Annotations((Group("first two", ("a0.h0", "a0.h1")),))
    shown = show(scene_of([graph]), DrawingSettings(top=4, annotations=annotations), 4)
    assert shown.n_edges == (4,)
    assert lines_of(shown.scene) == {
        "a0.h0->a1.h1<v>": 5, "a1.h0->a2.h0<v>": 6, "a1.h1->logits": 7, "a2.h0->logits": 8,
    }  # fmt: skip
    assert shown.rules == ("the 4 strongest", "with groups made by hand")


def test_drawings_have_the_names_of_groups_and_the_notes(graph):
    annotations = Annotations((Group("early & <late>", ("a0.h0", "a0.h1")),), {"a1.h0": "moves\nthe name"})
    settings = DrawingSettings(annotations=annotations)
    for subject in (graph, compare(graph, graph)):
        text = drawing_bytes(subject, "svg", settings).decode()
        assert "early &amp; &lt;late&gt; (2)" in text
        assert "a1.h0: moves the name" in text
        assert "with groups made by hand" in text
    assert "moves" not in drawing_bytes(graph, "svg", replace(settings, top=2)).decode()


@pytest.mark.parametrize(
    ("nodes", "more", "said"),
    [
        (("a0.h0", "a0.h1"), {}, "mine: a0.h0, a0.h1"),
        (("a0.h0", "a2.h0"), {}, "mine: a0.h0, a2.h0 (2 boxes, as a path leaves the group and comes back)"),
        (("a1.h1", "a0.h1"), {"top": 4}, "mine: a1.h1 (not drawn: a0.h1)"),
        (("a0.h1",), {"top": 4}, None),
    ],
)
def test_below_a_drawing_stands_which_nodes_a_group_has_and_why_it_is_several_boxes(graph, nodes, more, said):
    settings = DrawingSettings(annotations=Annotations((Group("mine", nodes),)), **more)
    shown = show(scene_of([graph]), settings, more.get("top"))
    assert notes_in(shown.scene, settings) == ([] if said is None else [said])
    assert said is None or said in " ".join(re.findall("<text[^>]*>([^<]*)", drawing(graph, settings)))


def test_a_node_that_is_collapsed_with_others_is_in_no_box_of_its_group():
    served = Wiring(n_layers=1, n_heads=2, n_kv_heads=1)
    names = ("input->a0.kv0<v>", "input->a0.h0<q>", "a0.h0->logits", "a0.h1->logits")
    graph = CircuitGraph.from_edges(served, map(Edge.parse, names))
    settings = DrawingSettings(collapse=("kv",), annotations=Annotations((Group("mine", ("a0.h0",)),)))
    shown = show(scene_of([graph]), settings, None)
    assert notes_in(shown.scene, settings) == ["mine: a0.h0 (a0.h0 in a box with others)"]


def drawing(graph: CircuitGraph, settings: DrawingSettings) -> str:
    return drawing_bytes(graph, "svg", settings).decode()


def test_annotations_are_read_as_they_were_written():
    annotations = Annotations((Group("x", ("a0.h0",)), Group("y", ("m1", "a1.h1"))), {"input": "here"})
    assert annotations_from(json.dumps(annotations.as_json()).encode(), source="x") == annotations


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "file: "),
        (b"[]", "it holds no annotations"),
        (b'{"format": "circuit-workbench-annotations", "version": 2}', "of version 2, and this package reads up to 1"),
        (b'{"format": "circuit-workbench-annotations", "version": 1, "groups": [{"name": "x"}]}', "lacks 'nodes'"),
        (b'{"format": "circuit-workbench-annotations", "version": 1, "notes": {"m0": 3}}', "3 is no text"),
    ],
)
def test_files_that_hold_none_are_refused_by_name(content, said):
    with pytest.raises(ValueError, match=said) as error:
        annotations_from(content, source="file")
    assert "Save it on a circuit's page" in str(error.value)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((Group("x", ("m0",)), Group("x", ("m1",))), "name of a group 'x'"),
        ((Group("x", ("m0",)), Group("y", ("m0",))), "node 'm0' stands in several"),
        ((Group(" ", ("m0",)),), "it needs a name"),
        ((Group("x", ("input",)),), "input is grouped"),
    ],
)
def test_groups_that_mean_nothing_are_refused(groups, said):
    with pytest.raises(ValueError, match=said):
        Annotations(groups)


def test_annotations_of_another_circuit_are_refused(graph):
    settings = DrawingSettings(annotations=Annotations(notes={"a0.h1": "x", "m2": "y"}))
    with pytest.raises(ValueError, match="annotations are of m2, which this circuit does not have"):
        drawing_bytes(graph, "svg", settings)
    with pytest.raises(ValueError, match="bundle layer and groups made by hand"):
        DrawingSettings(bundle="layer", annotations=Annotations((Group("x", ("m0",)),)))
