"""Lines on the page lead around the boxes that they pass, whatever the filters leave; figures have axes as far as their
values.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Greedy
from graphs.export.page.extras import CircuitExtras, Curve, CurvePoint, PageExtras
from graphs.export.page.scripts import source
from graphs.figures.layered.lanes import Row, Way, lanes
from tests.graphs.together import n_pairs_together

SAME = 2  # pixels: lines that are nearer look like one
CONVERGE = 26  # pixels before a common end in which lines come together
LEAST_SHARED = 20  # pixels: in fewer two lines cross, or touch at a corner
CHAIN = Wiring(n_layers=2, n_heads=1, n_kv_heads=1)
SQUARE = Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
DEEP = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)


class Drawn(NamedTuple):
    """What stands on a page.

    boxes  name -> (left, right, top, bottom)
    lines  name -> (source, target, points on the curve [point, (x, y)])
    """

    boxes: dict[str, tuple[float, float, float, float]]
    lines: dict[str, tuple[str, str, np.ndarray]]


def drawing(page: Any) -> Drawn:
    """What the library draws: a line's curve is made of quadratic pieces that meet amid its control points."""
    boxes, lines = page.page.evaluate(
        """(async () => {
            const {cy} = circuitPage.canvas;
            // The library bends lines in the frame after they came.
            const is_bent = () => cy.edges().every((edge) => edge.controlPoints() !== undefined);
            for (let n = 0; n < 300 && !is_bent(); n += 1) await new Promise(requestAnimationFrame);
            const there = cy.nodes(".box").not(".hidden");
            const box = (node) => [node.data("label"), node.position().x, node.position().y, node.data("width")];
            const at = ({x, y}) => [x, y];
            return [there.map(box), cy.edges().map((edge) => [
                edge.id(), edge.source().data("label"), edge.target().data("label"),
                [edge.sourceEndpoint(), ...edge.controlPoints(), edge.targetEndpoint()].map(at)])];
        })()"""
    )
    assert all(None not in point for *_, points in lines for point in points), "a line is broken off"
    return Drawn(
        {name: (x - width / 2, x + width / 2, y - 14, y + 14) for name, x, y, width in boxes},
        {name: (source, target, curve(np.array(points))) for name, source, target, points in lines},
    )


def curve(points: np.ndarray) -> np.ndarray:
    start, *inner, end = points
    joints = [start, *[(a + b) / 2 for a, b in pairwise(inner)], end]
    t = np.linspace(0, 1, 40)[:, None]
    pieces = zip(joints[:-1], inner, joints[1:], strict=True)
    return np.concatenate([a * (1 - t) ** 2 + 2 * b * t * (1 - t) + c * t**2 for a, b, c in pieces])


def passed_under(drawn: Drawn) -> list[tuple[str, str]]:
    """Lines, with the boxes behind which they pass."""
    names = np.array(list(drawn.boxes))
    left, right, top, bottom = np.array(list(drawn.boxes.values())).T
    passed = []
    for begin, end, points in drawn.lines.values():
        x, y = points[:, :1], points[:, 1:]
        within = (x > left - 1) & (y > top - 1) & (x < right + 1) & (y < bottom + 1)
        boxes = names[within.any(axis=0)].tolist()
        passed += [(f"{begin}->{end}", name) for name in boxes if name not in (begin, end)]
    return passed


@pytest.fixture
def chain(random_edge_scores: Any) -> EdgeScores:
    """Every edge of a model with one box per row, in which every line but that to the next box passes others."""
    made = random_edge_scores(CHAIN, seed=2, n_prompts=3)
    return replace(made, per_prompt=abs(made.per_prompt) + 1, measured=np.ones(CHAIN.n_edges, dtype=bool))


def test_no_line_passes_behind_a_box(opened, graph, chain):
    for subject in (graph, CircuitGraph.from_scores(chain, Greedy(CHAIN.n_edges))):
        drawn = drawing(opened(subject))
        assert len(drawn.lines) == subject.n_edges
        assert passed_under(drawn) == []
        for begin, end, points in drawn.lines.values():
            (left, right, top, _), (start_x, start_y) = drawn.boxes[begin], points[0]
            assert left <= start_x <= right and start_y == pytest.approx(top, abs=0.5)  # noqa: PT018
            (left, right, _, bottom), (end_x, end_y) = drawn.boxes[end], points[-1]
            assert left <= end_x <= right and -0.5 <= end_y - bottom <= 0.5  # noqa: PT018
            assert np.all(np.diff(points[:, 1]) < 1e-6), "a line never turns back"


def test_a_line_past_many_rows_bends_where_others_make_it(opened, random_edge_scores):
    """Among few lines it is one curve; where lanes are full it bends once or twice at a row."""
    few = random_edge_scores(DEEP, seed=0, n_prompts=2)
    deep = Wiring(n_layers=14, n_heads=2, n_kv_heads=2)
    many = random_edge_scores(deep, seed=5, n_prompts=3)
    many = replace(many, per_prompt=abs(many.per_prompt) + 1, measured=np.ones(deep.n_edges, dtype=bool))
    few = replace(few, per_prompt=few.per_prompt**3)
    for scores, n, least, most in ((few, 30, 3, 0.5), (many, 220, 30, 1.6)):
        drawn = drawing(opened(CircuitGraph.from_scores(scores, Greedy(n))))
        assert passed_under(drawn) == []
        rows = {top for _, _, top, _ in drawn.boxes.values()}
        passed = {
            name: sum(drawn.boxes[end][2] < top < drawn.boxes[begin][2] for top in rows)
            for name, (begin, end, _) in drawn.lines.items()
        }
        bends = [changes_of_turn(drawn.lines[name][2]) / past for name, past in passed.items() if past >= 6]
        assert len(bends) >= least
        assert np.mean(bends) < most


def changes_of_turn(points: np.ndarray) -> int:
    """How often a curve changes from turning left to turning right, or back."""
    ahead = np.diff(points, axis=0)
    ahead = ahead[np.hypot(*ahead.T) > 1e-9]
    turns = np.diff(np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0])))
    sides = np.sign(turns[abs(turns) > 1e-3])
    return int((np.diff(sides) != 0).sum())


def test_lines_to_different_readers_do_not_coincide(opened, chain):
    drawn = drawing(opened(CircuitGraph.from_scores(chain, Greedy(CHAIN.n_edges))))
    apart = 0
    for (_, one, first), (_, other, second) in combinations(drawn.lines.values(), 2):
        low, high = max(first[-1, 1], second[-1, 1]), min(first[0, 1], second[0, 1])
        if one != other and low < high:
            ys = np.linspace(low, high, 50)
            gaps = np.abs(np.interp(-ys, -first[:, 1], first[:, 0]) - np.interp(-ys, -second[:, 1], second[:, 0]))
            assert gaps.max() > 3, (one, other)
            apart += 1
    assert apart > 5


@pytest.mark.parametrize(("wiring", "n", "most"), [(SQUARE, 100, 0), (DEEP, 60, 0), (DEEP, 300, 0.01)])
def test_lines_of_different_sources_are_apart_until_they_end(opened, random_edge_scores, wiring, n, most):
    """Of hundreds some are bundled: where more share a gap than there are lanes."""
    made = random_edge_scores(wiring, seed=0, n_prompts=2)
    drawn = drawing(opened(CircuitGraph.from_scores(replace(made, per_prompt=made.per_prompt**3), Greedy(n))))
    assert passed_under(drawn) == []
    sources, _, curves = zip(*drawn.lines.values(), strict=True)
    # Lines lead up a page, where y grows down.
    upwards = [points * [1, -1] for points in curves]
    together, n_pairs = n_pairs_together(upwards, sources, step=1, same=SAME, end=CONVERGE, most=LEAST_SHARED)
    assert n_pairs > len(upwards)
    assert together <= most * n_pairs


def test_lines_into_one_box_without_markers_end_side_by_side(opened, edge_scores_of):
    scores = {f"a0.h{head}->m1": 1.0 + head for head in range(4)} | {f"input->a0.h{head}<v>": 2.0 for head in range(4)}
    drawn = drawing(
        opened(
            CircuitGraph.from_scores(
                edge_scores_of({**scores, "m1->logits": 9.0}, wiring=Wiring(n_layers=2, n_heads=4, n_kv_heads=4)),
                Greedy(9),
            )
        )
    )
    ends = sorted((points[0, 0], points[-1, 0]) for _, target, points in drawn.lines.values() if target == "m1")
    assert len(ends) == 4
    assert np.all(np.diff([end for _, end in ends]) > 4), "in the order of the boxes that they come from"


def test_lanes_of_the_page_are_those_of_the_figures(opened, scores):
    """The same ways, through random gaps, with and without free ends."""
    draw = np.random.default_rng(7)
    bar = ((5.0, 395.0),)
    rows = [Row(-10.0, 0.0, bar)]
    for y in np.cumsum([40.0] * 8):
        edges = np.sort(draw.uniform(0, 400, size=6)).tolist()
        rows.append(Row(y - 14.0, y + 14.0, tuple(zip(edges[::2], edges[1::2], strict=True))))
    rows.append(Row(360.0, 370.0, bar))
    ways = []
    for _ in range(60):
        first, last = sorted(draw.choice(10, size=2, replace=False).tolist())
        xs = draw.choice(np.arange(0.0, 400.0, 40.0), size=last - first + 1)
        ways.append(Way(first, tuple(xs.tolist()), (first == 0, last == 9), float(draw.choice([0.0, 30.0]))))
    page = opened(CircuitGraph.from_scores(scores, Greedy(4)))
    module = source("lanes").replace("export ", "")
    found = page.page.evaluate(
        f"([ways, rows]) => {{ {module} return lanes(ways, rows, 7).places; }}",
        [
            [{"first": way.first, "xs": way.xs, "isFree": way.is_free, "width": way.width} for way in ways],
            [{"below": -row.below, "above": -row.above, "gaps": row.gaps} for row in rows],
        ],
    )
    expected = lanes(ways, rows, 7.0)
    assert [len(own) for own in found] == [len(own) for own in expected]
    assert np.concatenate(found) == pytest.approx(np.concatenate(expected), abs=1e-6)


def test_lines_lead_as_straight_as_what_is_left_allows(opened, graph):
    page = opened(graph)
    for top in ("12", "1", ""):
        page.page.fill("#top", top)
        drawn = drawing(page)
        assert len(drawn.lines) == int(top or graph.n_edges)
        assert passed_under(drawn) == []
    page.page.evaluate("circuitPage.filter({...circuitPage.everything(), layers: [0, 1]})")
    assert passed_under(drawing(page)) == []


def test_a_group_is_a_box_that_lines_lead_around(opened, graph, extras):
    page = opened(graph, extras)
    heads = [node.name for node in graph.nodes if node.component.is_head]
    groups = [{"name": "movers", "nodes": heads[:3]}, {"name": "others", "nodes": heads[3:6]}]
    page.page.evaluate("(groups) => circuitPage.annotate((all) => { all.groups = groups })", groups)
    drawn = drawing(page)
    assert {"movers (3)", "others (3)"} < set(drawn.boxes)
    for (one, (left, right, top, bottom)), (other, (begin, end, over, under)) in combinations(drawn.boxes.items(), 2):
        assert right <= begin or end <= left or bottom <= over or under <= top, (one, other)
    assert passed_under(drawn) == []
    assert page.faults == []
    # Only rows in which a node stands by itself are called by their layer.
    alone = {node.component.layer for node in graph.nodes if node.name not in heads[:6]} - {None}
    said = "circuitPage.canvas.cy.nodes('.layer').not('.hidden').map((node) => node.data('label'))"
    assert set(page.page.evaluate(said)) == {f"L{layer}" for layer in alone}
    groups = [{"name": "last", "nodes": [node.name for node in graph.nodes if node.component.layer == 3]}]
    page.page.evaluate("(groups) => circuitPage.annotate((all) => { all.groups = groups })", groups)
    assert "L3" not in page.page.evaluate(said)


def test_every_line_between_groups_is_drawn(opened, graph, extras):
    """Also those that lead down, or along a row, as one box stands for nodes of several layers."""
    page, draw = opened(graph, extras), np.random.default_rng(1)
    names = [node.name for node in graph.nodes if node.name not in ("input", "logits")]
    n_down = 0
    for _ in range(4):
        mixed = draw.permutation(names).tolist()
        groups = [{"name": "movers", "nodes": mixed[:4]}, {"name": "others", "nodes": mixed[4:10]}]
        page.page.evaluate("(groups) => circuitPage.annotate((all) => { all.groups = groups })", groups)
        drawn = drawing(page)
        n_down += sum(drawn.boxes[one][2] <= drawn.boxes[other][2] for one, other, _ in drawn.lines.values())
        # Of a line that it cannot draw, the library says so when the ends of lines are asked for.
        assert page.faults == []
    assert n_down > 10


def test_the_way_across_rows_is_the_cheapest(opened, scores):
    """The envelope of parabolas against every pair of cells."""
    costs = np.random.default_rng(4).choice([0, 30, 270, 1e12], size=200)
    page, module = (
        opened(CircuitGraph.from_scores(scores, Greedy(4))),
        re.sub("^import .*$|^export ", "", source("routes"), flags=re.MULTILINE),
    )
    found = page.page.evaluate(f"(costs) => {{ {module} return cheapest(costs, 6); }}", costs.tolist())
    cells = 6.0 * np.arange(len(costs))
    assert found == pytest.approx((costs[None] + (cells[:, None] - cells) ** 2).min(axis=1))


def test_the_axis_of_sizes_reaches_over_the_values(opened, scores):
    graph = CircuitGraph.from_scores(scores, Greedy(4))
    points = [CurvePoint(4, 0.2, None, None), CurvePoint(16, 1.1, 0.9, 1.3), CurvePoint(64, 3.5, 2.7, 4.2)]
    for n, expected in ((1, [0, 0.25, 0.5, 0.75, 1]), (3, [0, 1, 2, 3, 4])):
        own = CircuitExtras(scores=scores, curves=(Curve("sizes", tuple(points[:n])),))
        marks = opened(graph, PageExtras([own])).page.locator("#sizes svg text[text-anchor=end]").all_text_contents()
        assert [float(mark) for mark in marks] == expected
