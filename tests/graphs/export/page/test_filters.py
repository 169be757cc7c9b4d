"""What is filtered on the page is what `circuits export` draws for the same settings."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from itertools import product
from typing import Any

from circuits.components import Edge
from graphs import CircuitGraph, Greedy, compare, diff_of_many
from graphs.export.page.extras import CircuitExtras, PageExtras
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import show
from tests.graphs.export.page.conftest import GROUPED


def drawn(graphs: list[CircuitGraph], settings: DrawingSettings) -> list[str] | None:
    """The edges of the drawing with these settings; None where they leave nothing to draw."""
    try:
        return [line.name for line in show(scene_of(graphs), settings, settings.top).scene.lines]
    except ValueError:
        return None


def on_the_page(page: Any, settings: DrawingSettings) -> list[str] | None:
    asked = {name: value for name, value in asdict(settings).items() if name not in ("size", "orientation", "bundle")}
    page.page.evaluate("(settings) => circuitPage.filter(settings)", asked)
    return page.shown() or None


def some_settings(seed: int, roles: list[str], scores: list[float]) -> DrawingSettings:
    draw = random.Random(seed)
    maybe = lambda value: value if draw.random() < 0.4 else None  # noqa: E731
    layers = tuple(sorted(draw.choices(range(GROUPED.n_layers), k=2)))
    return DrawingSettings(
        top=maybe(draw.choice([1, 3, 17, 40, 500])),
        # Also one that is a score itself: at least means that it stays.
        min_score=maybe(draw.choice([0.05, abs(draw.choice(scores)) or 0.1, 1.0])),
        heads_only=draw.random() < 0.3,
        layers=maybe(layers),
        roles=tuple(draw.sample(roles, k=draw.randint(1, len(roles)))) if roles and draw.random() < 0.3 else (),
        ports=tuple(draw.sample(["q", "k", "v"], k=draw.randint(1, 3))) if draw.random() < 0.3 else (),
    )


def test_every_setting_shows_the_edges_that_are_drawn(opened, graph, extras):
    page = opened(graph, extras)
    roles, values = ["name mover", "induction"], [item.score for item in graph.edges]
    sizes = set()
    for seed in range(40):
        settings = some_settings(seed, roles, values)
        expected = drawn([graph], settings)
        assert on_the_page(page, settings) == expected, settings
        sizes.add(len(expected or ()))
    assert len(sizes) > 12
    assert page.faults == []


def test_edges_without_scores_are_ranked_by_their_ends(opened, graph):
    bare = replace(graph, edges=tuple(replace(item, score=None, low=None, high=None) for item in graph.edges))
    page = opened(bare)
    for top in (1, 5, 23, 60):
        assert on_the_page(page, DrawingSettings(top=top)) == drawn([bare], DrawingSettings(top=top))


def test_a_circuit_without_any_score_is_shown_whole(opened):
    names = ("input->a0.h0<v>", "a0.h0->m1", "m1->logits")
    graph = CircuitGraph.from_edges(replace(GROUPED, n_kv_heads=4), map(Edge.parse, names))
    page = opened(graph)
    assert page.shown() == [item.name for item in graph.edges]
    assert not page.page.locator("#top").count()


def test_of_a_comparison_too_and_counts_are_those_of_python(opened, random_edge_scores, graph):
    other = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=8, task="other"), Greedy(70))
    both = compare(graph, other)
    page = opened(both)
    membership = list(both.edge_membership().values())
    counts = {"": len(membership), **{side: membership.count(kind) for side, kind in
              (("shared", "shared"), ("a", "only_a"), ("b", "only_b"))}}  # fmt: skip
    for only, top in product((None, "shared", "a", "b"), (None, 12)):
        settings = DrawingSettings(only=only, top=top)
        assert on_the_page(page, settings) == drawn([graph, other], settings)
        places = page.page.locator("[data-count]").all()
        assert {place.get_attribute("data-count"): int(place.inner_text()) for place in places} == counts
    page.page.click("#reset")
    live = f"ioi: 90 of 90 edges; other: {other.n_edges} of {other.n_edges} edges; in both: {counts['shared']}."
    assert page.page.inner_text("#live") == live
    assert both.reuse.edges.n_shared == counts["shared"]
    row = page.page.locator("#shared tr", has_text="edges").locator("th, td").all_inner_texts()
    assert row[:4] == ["edges", *(str(counts[side]) for side in ("shared", "a", "b"))]


def test_of_three_circuits_every_choice_has_the_edges_that_python_counts(opened, random_edge_scores, graph):
    graphs = [graph, *(CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=s), Greedy(60)) for s in (8, 9))]
    page = opened(graphs, PageExtras([CircuitExtras(label=label) for label in "abc"]))
    parts = diff_of_many(graphs).edges
    expected = {"shared": parts.shared, **{str(one): parts.only_in(one) for one in range(3)}}
    some = [name for name, kind in zip(parts.names, parts.memberships(), strict=True) if kind == "some"]
    for only, names in {**expected, "some": some}.items():
        page.page.check(f'input[name="only"][value="{only}"]')
        assert page.shown() == list(names)
    assert page.page.locator("#command").count() == 0
    rows = page.page.locator("#shared tbody tr").all_inner_texts()
    assert rows[1].split() == [
        "edges",
        *map(str, map(len, (parts.shared, some, *(expected[str(n)] for n in range(3))))),
    ]


def test_filters_that_leave_nothing_say_so_of_however_many_circuits(opened, random_edge_scores, graph):
    others = [CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=seed), Greedy(60)) for seed in (8, 9)]
    for subject in (graph, compare(graph, others[0]), [graph, *others]):
        page = opened(subject)
        page.page.fill("#min-score", "1e6")
        n = page.page.evaluate("circuitPage.data.n")
        assert page.page.inner_text("#live") == f"0 of {n} edges: these filters leave nothing. Loosen one of them."


def test_circuits_that_are_empty_say_why(opened):
    nothing = CircuitGraph.from_edges(GROUPED, [])
    assert nothing.reason
    assert opened(nothing).page.inner_text("#live") == f"This circuit is empty: {nothing.reason}"
    page = opened([nothing, nothing], PageExtras([CircuitExtras(label=label) for label in "ab"]))
    assert page.page.inner_text("#live") == f"These circuits are empty: a: {nothing.reason}; b: {nothing.reason}"


def test_a_choice_of_circuits_that_would_show_nothing_is_not_offered(opened, graph, scores):
    smaller = CircuitGraph.from_scores(scores, Greedy(40))
    page = opened(compare(graph, smaller))
    choice = {only: page.page.locator(f'input[name="only"][value="{only}"]') for only in ("", "shared", "a", "b")}
    has = {"a": {edge.name for edge in graph.edges}, "b": {edge.name for edge in smaller.edges}}
    assert not has["b"] - has["a"]
    assert [choice[only].is_disabled() for only in choice] == [False, False, False, True]
    page.page.check('input[name="only"][value="a"]')
    page.page.fill("#min-score", "1e6")
    assert [choice[only].is_disabled() for only in choice] == [False, True, False, True], "what is chosen can be left"
    page.page.click("#reset")
    assert [choice[only].is_disabled() for only in choice] == [False, False, False, True]


def test_the_page_begins_with_the_settings_that_were_asked_for(opened, graph, extras):
    settings = DrawingSettings(top=20, heads_only=True, ports=("q", "v"), layers=(1, 3))
    page = opened(graph, replace(extras, settings=settings))
    assert page.shown() == drawn([graph], settings)
    assert page.page.input_value("#top") == "20"
    assert page.page.is_checked("#heads-only")
    assert page.page.input_value("#first-layer") == "1"


def test_filters_are_set_by_hand(opened, graph, extras):
    page = opened(graph, extras)
    page.page.fill("#top", "30")
    page.page.check("#heads-only")
    page.page.select_option("#last-layer", "2")
    page.page.check('input[name="role"][value="name mover"]')
    expected = drawn([graph], DrawingSettings(top=30, heads_only=True, layers=(0, 2), roles=("name mover",)))
    assert page.shown() == expected
    assert page.page.inner_text("#live").startswith(f"{len(expected)} of 90 edges")
    page.page.fill("#min-score", "1000")
    assert page.page.inner_text("#live").startswith("0 of 90 edges: these filters leave nothing")
    page.page.click("#reset")
    assert len(page.shown()) == 90
    assert "Faithfulness of these edges alone: 0.80 [0.70, 0.90]" in page.page.inner_text("#live")


def test_the_command_is_the_drawing_of_what_is_shown(opened, graph, extras):
    page = opened(graph, extras)
    page.page.evaluate(
        "(given) => circuitPage.filter({...circuitPage.everything(), ...given})",
        {"top": 12, "min_score": 0.2, "heads_only": True, "layers": [1, 3], "roles": ["name mover"], "ports": ["q"]},
    )
    assert page.page.inner_text("#command") == (
        "circuits export ioi-eap-1 --to svg --top 12 --min-score 0.2 --heads-only --layers 1-3 --role 'name mover' "
        "--port q"
    )
    page.page.click("#reset")
    assert page.page.inner_text("#command") == "circuits export ioi-eap-1 --to svg --top 90"
