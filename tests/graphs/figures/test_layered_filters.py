"""Filters of drawings: by layer, role, port, and which of two circuits has an edge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import show

WIRING = Wiring(n_layers=3, n_heads=2, n_kv_heads=2)
NAMES = ("input->a0.h0<q>", "input->a1.h0<k>", "a0.h0->m1", "m1->a2.h1<v>", "a1.h0->logits", "a2.h1->logits")


def circuit(*names: str) -> CircuitGraph:
    return CircuitGraph.from_edges(WIRING, map(Edge.parse, names), roles={"a2.h1": "name mover"})


def left(graphs: list[CircuitGraph], **settings: object) -> tuple[list[str], tuple[str, ...]]:
    shown = show(scene_of(graphs), DrawingSettings(**settings), None)  # pyright: ignore[reportArgumentType]
    return [line.name for line in shown.scene.lines], shown.rules


def test_edges_within_layers_stay_and_those_at_both_ends_of_the_model():
    names, rules = left([circuit(*NAMES)], layers=(1, 2))
    assert names == ["input->a1.h0<k>", "m1->a2.h1<v>", "a1.h0->logits", "a2.h1->logits"]
    assert rules == ("within layers 1 to 2",)


def test_edges_at_a_role():
    names, rules = left([circuit(*NAMES)], roles=("name mover",))
    assert names == ["m1->a2.h1<v>", "a2.h1->logits"]
    assert rules == ("at heads with the role name mover",)


def test_edges_into_a_port():
    assert left([circuit(*NAMES)], ports=("k", "v"))[0] == ["input->a1.h0<k>", "m1->a2.h1<v>"]


@pytest.mark.parametrize(("only", "names"), [("shared", NAMES[1:2]), ("a", NAMES[:1]), ("b", NAMES[4:5])])
def test_edges_of_one_of_two_circuits(only, names):
    a = replace(circuit(NAMES[0], NAMES[1], NAMES[2], "m1->logits", "a1.h0->m2", "m2->logits"))
    b = circuit(NAMES[1], NAMES[4])
    assert set(names) <= set(left([a, b], only=only)[0])
    assert not set(names) & set(left([a, b], only={"shared": "a", "a": "b", "b": "shared"}[only])[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": (7, 9)}, "layers 7-9: no edge lies within them"),
        ({"roles": ("induction",)}, "role induction: no head .* Roles of its heads: name mover"),
        ({"layers": (0, 0), "ports": ("v",)}, "port v: no edge of this circuit enters there"),
        ({"only": "shared"}, "only shared: that is asked of a comparison of two"),
    ],
)
def test_what_leaves_nothing_says_why(settings, said):
    only_inner = circuit(*NAMES[:1], "a0.h0->m0", "m0->m1", *NAMES[3:4], *NAMES[5:])
    with pytest.raises(ValueError, match=said):
        left([only_inner], **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"layers": (4, 2)}, "layers 4-2"), ({"ports": ("x",)}, "no port 'x'"), ({"only": "both"}, "comparison 'both'")],
)
def test_settings_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        DrawingSettings(**settings)


def test_a_filtered_drawing_does_not_choose_whole_paths_itself():
    settings = DrawingSettings(ports=("q",))
    assert settings.is_filtered
    assert settings.is_automatic
