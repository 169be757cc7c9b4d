"""Where boxes stand: few crossings, heads beside what serves them, roles together."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy
from graphs.figures.layered.places import Extents, NoRoomError, comfortable, crossings, place, rising
from graphs.figures.layered.scene import scene_of

PLAIN = Wiring(n_layers=6, n_heads=6, n_kv_heads=6)
GROUPED = Wiring(n_layers=3, n_heads=4, n_kv_heads=2)


def extents(scene):
    return Extents(dict.fromkeys(scene.boxes, 0.4), dict.fromkeys(scene.boxes, 0.15))


def placed(graph, across=None):
    scene = scene_of([graph])
    return scene, place(scene, extents(scene), across or comfortable(scene, extents(scene)))


def count_crossings(scene, places, middle):
    """Pairs of straight lines between rows that cross, one by one."""
    ends = []
    for line in scene.lines:
        a, b = line.source, line.target
        xs = [middle[b if a == "input" else a], middle[a if b == "logits" else b]]
        ends.append((*xs, places.along[a], places.along[b]))
    n = 0
    for number, (x0, x1, y0, y1) in enumerate(ends):
        for u0, u1, v0, v1 in ends[:number]:
            low, high = max(y0, v0), min(y1, v1)
            if low < high:
                at = [np.interp(y, (y0, y1), (x0, x1)) - np.interp(y, (v0, v1), (u0, u1)) for y in (low, high)]
                n += at[0] * at[1] < -1e-12
    return n


def test_crossings_are_counted():
    starts, ends = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]]), np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 6.0]])
    assert crossings(starts, ends) == 1
    assert crossings(starts, ends[[1, 0, 2]]) == 0


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_rising_numbers_are_those_of_isotonic_regression(values):
    from scipy.optimize import isotonic_regression

    assert rising(np.array(values)) == pytest.approx(isotonic_regression(np.array(values)).x, abs=1e-9)


def test_a_circuit_that_can_be_drawn_without_crossings_is():
    # By index the two ways would cross twice.
    names = ("input->a0.h0<v>", "input->a0.h5<v>", "a0.h0->a1.h5<v>", "a0.h5->a1.h0<v>", "a1.h5->a2.h0<v>")
    names += ("a1.h0->a2.h5<v>", "a2.h0->logits", "a2.h5->logits")
    scene, places = placed(CircuitGraph.from_edges(PLAIN, map(Edge.parse, names)))
    assert count_crossings(scene, places, {name: places.middle(name) for name in scene.boxes}) == 0


@pytest.mark.parametrize("seed", range(4))
def test_there_are_fewer_crossings_than_in_the_order_of_heads(random_edge_scores, seed):
    graph = CircuitGraph.from_scores(random_edge_scores(PLAIN, seed=seed, n_prompts=2), Greedy(40))
    scene, places = placed(graph)
    by_index = {}
    for row in places.rows:
        order = sorted(row, key=lambda name: scene.boxes[name].parts[0].order)
        by_index |= dict(zip(order, sorted(places.middle(name) for name in row), strict=True))
    now = count_crossings(scene, places, {name: places.middle(name) for name in scene.boxes})
    assert now < 0.7 * count_crossings(scene, places, by_index)


def test_a_key_value_head_touches_the_heads_it_serves(random_edge_scores):
    graph = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=2, n_prompts=2), Greedy(40))
    scene, places = placed(graph)
    assert scene.serves
    for group, heads in scene.serves.items():
        chain = [places.spans[name] for name in (group, *heads)]
        for (_, right), (left, _) in pairwise(chain):
            assert left == pytest.approx(right)


def test_heads_of_a_role_stand_together(random_edge_scores):
    roles = {f"a{layer}.h{index}": ("mover", "induction")[index % 2] for layer in range(6) for index in range(4)}
    scores = random_edge_scores(PLAIN, seed=5, n_prompts=2)
    scene, places = placed(CircuitGraph.from_scores(scores, Greedy(70), roles=roles))
    for row in places.rows:
        along = [scene.boxes[name].role for name in sorted(row, key=lambda name: places.spans[name])]
        changes = [role for before, role in pairwise([None, *along]) if role != before and role]
        assert len(changes) == len(set(changes)), along


def test_heads_and_mlp_of_a_layer_share_a_row_unless_a_line_leads_between():
    apart = ("input->a1.h0<v>", "input->m1", "a1.h0->logits", "m1->logits")
    assert [len(row) for row in placed(CircuitGraph.from_edges(PLAIN, map(Edge.parse, apart)))[1].rows] == [1, 2, 1]
    linked = (*apart, "a1.h0->m1")
    assert [len(row) for row in placed(CircuitGraph.from_edges(PLAIN, map(Edge.parse, linked)))[1].rows] == [1, 1, 1, 1]


def test_boxes_that_do_not_fit_are_refused(random_edge_scores):
    scene = scene_of([CircuitGraph.from_scores(random_edge_scores(PLAIN, seed=1, n_prompts=2), Greedy(60))])
    with pytest.raises(NoRoomError, match=r"there are 1\.0 and"):
        place(scene, extents(scene), 1.0, 9.0)
    with pytest.raises(NoRoomError, match=r"there are 9\.0 and 0\.5"):
        place(scene, extents(scene), 9.0, 0.5)
