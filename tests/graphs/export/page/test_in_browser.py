"""The page in a browser: selection, keyboard, annotations, narrow and dark screens, and nothing that should not run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Edge
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Greedy, compare, diff_of_many
from graphs.annotations import annotations_from
from graphs.export.page.extras import (
    CircuitExtras,
    Curve,
    CurvePoint,
    MeasuredPart,
    PageExtras,
    Pattern,
    Reading,
    ShownPrompt,
)
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import show
from graphs.roles.label import RoleLabel
from tests.graphs.export.page.conftest import GROUPED

SCRIPT = "</script><script>globalThis.broken = 1</script><img src=x onerror='globalThis.broken = 1'><b>bold</b>"


def chosen(page: Any) -> Any:
    return page.page.evaluate("circuitPage.state.selection")


def details(page: Any) -> str:
    return page.page.inner_text("#details")


def name_of(page: Any, node: int) -> str:
    return page.page.evaluate("(at) => circuitPage.data.nodes[at].name", node)


def strongest_head(graph: CircuitGraph) -> str:
    heads = [node for node in graph.nodes if node.component.is_head]
    return max(heads, key=lambda node: abs(node.score or 0)).name


def test_a_node_tells_its_score_roles_and_what_was_not_measured(opened, graph, extras):
    page = opened(
        graph,
        replace(extras, circuits=[replace(extras.circuits[0], unmeasured={"attention": "circuits attention ioi"})]),
    )
    node = next(node for node in graph.nodes if node.labels)
    page.page.fill("#search", node.name)
    page.page.press("#search", "Enter")
    said = details(page)
    assert said.startswith(node.name)
    assert f"{abs(node.score):.2e}"[:3] in said or f"{abs(node.score):#.3g}" in said
    assert "attention:to=IO > 0.3: +0.500 [+0.400, +0.600], 5 prompts" in said
    assert "Attention on a prompt" in said
    assert f"Not measured. To measure it: circuits attention ioi --heads {node.name}" in said
    assert "others: not measured." in said


def test_what_was_read_off_a_head_is_shown(opened, graph, scores):
    head = strongest_head(graph)
    pattern = Pattern(("A", " b", " c"), (0.1, 0.7, 0.2), 2, 4)
    reading = Reading("direct-logit-attribution at END", 1.25, 1.0, 1.5, 8)
    own = CircuitExtras(scores=scores, readings={head: (reading,)}, patterns={head: (pattern,)})
    page = opened(graph, PageExtras([own]))
    page.page.evaluate("(name) => circuitPage.find(name)", head)
    said = details(page)
    assert "Prompt 4, from its token 2 (c)" in said
    assert page.page.locator("#details .token").all_inner_texts() == ["A", "\u00a0b", "\u00a0c"]
    assert "+1.25\t[+1.00, +1.50]" in said
    assert page.page.locator("#details select").count() == 0  # there is nothing to choose


def test_the_reader_chooses_among_the_prompts_whose_attention_is_kept(opened, graph, scores):
    """By keyboard too; the choice stays when another head is selected, as far as its attention there is kept."""
    first, second, third = [str(head) for head in graph.heads][:3]
    patterns = [Pattern(("A", " b", f" c{number}"), (0.1, 0.2, 0.7), 2, number) for number in (4, 0, 1)]
    own = CircuitExtras(
        scores=scores,
        patterns={first: tuple(patterns), second: tuple(reversed(patterns)), third: (patterns[0],)},
        unmeasured={"attention": "circuits attention ioi"},
    )
    page = opened(graph, PageExtras([own])).page
    page.evaluate("(name) => circuitPage.find(name)", first)
    choice = page.get_by_label("Prompt, of 3 whose attention is kept")
    assert choice.locator("option").all_inner_texts() == ["4: A b c4", "0: A b c0", "1: A b c1"]
    assert "Prompt 4, from its token 2 (c4)" in page.inner_text("#details")
    choice.focus()
    page.keyboard.press("ArrowDown")
    assert "Prompt 0, from its token 2 (c0)" in page.inner_text("#details")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert page.locator("#details .token").all_inner_texts() == ["A", "\u00a0b", "\u00a0c0"]
    page.evaluate("(name) => circuitPage.find(name)", second)
    assert "Prompt 0, from" in page.inner_text("#details")
    assert page.get_by_label("Prompt, of 3").input_value() == "0"
    page.evaluate("(name) => circuitPage.find(name)", third)
    assert "Prompt 4, from" in page.inner_text("#details")


def test_an_edge_has_a_bar_for_every_prompt(opened, graph, scores, extras):
    page = opened(graph, extras)
    edge = max(graph.edges, key=lambda item: abs(item.score or 0))
    at = page.page.evaluate("(name) => circuitPage.data.names.indexOf(name)", edge.name)
    page.page.evaluate("(edge) => circuitPage.select({edge})", at)
    expected = scores.per_prompt[:, GROUPED.edge_index(edge.edge)]
    assert page.page.evaluate("(edge) => [...circuitPage.effects(0, edge)]", at) == pytest.approx(expected.tolist())
    assert page.page.locator("#details .strip rect.supports, #details .strip rect.opposes").count() == len(expected)
    assert f"Positive on {int((expected > 0).sum())}." in details(page)


def test_faithfulness_is_told_of_exactly_the_edges_that_were_run(opened, graph, scores):
    strongest = frozenset(line.name for line in show(scene_of([graph]), DrawingSettings(top=15), 15).scene.lines)
    part = MeasuredPart(strongest, 0.41, 0.3, 0.52, "the prompts that chose")
    page = opened(graph, PageExtras([CircuitExtras(scores=scores, measured=(part,))]))
    page.page.fill("#top", "15")
    assert "Faithfulness of these edges alone: 0.41 [0.30, 0.52] on the prompts that chose" in page.page.inner_text(
        "#live"
    )
    page.page.fill("#top", "14")
    assert "Faithfulness at this size: not measured" in page.page.inner_text("#live")


def test_the_nearest_size_is_told_of_the_strongest_edges_alone(opened, graph, scores):
    curve = Curve(
        "edges by |score|, the prompts that chose", (CurvePoint(8, 0.37, 0.3, 0.4), CurvePoint(90, 0.8, 0.7, 0.9))
    )
    page = opened(graph, PageExtras([CircuitExtras(scores=scores, curves=(curve,))])).page
    page.fill("#top", "11")
    assert "The nearest size that was: 8 edges, 0.37 [0.30, 0.40]" in page.inner_text("#live")
    page.fill("#top", "")
    page.check("#heads-only")
    said = page.inner_text("#live")
    assert "Faithfulness of exactly these edges: not measured." in said
    assert "these are others" in said
    assert "nearest" not in said


def test_sizes_that_were_tried_and_not_kept_are_not_denied(opened, graph, scores):
    lost = "larger sizes were tried, of which 48 edges would do"
    said = opened(graph, PageExtras([CircuitExtras(scores=scores, unmeasured={"sizes": lost})])).page
    assert lost in said.inner_text("#sizes")
    assert "Nothing is kept of other sizes" not in said.inner_text("#sizes")
    assert "Nothing is kept of other sizes" in opened(
        graph, PageExtras([CircuitExtras(scores=scores)])
    ).page.inner_text("#sizes")


def test_everything_is_reached_by_keyboard(opened, graph, extras):
    page = opened(graph, extras)
    keyboard = page.page.keyboard
    page.page.focus("#canvas")
    seen = set()
    for key in ["ArrowUp"] * 12 + ["ArrowRight"] * 4 + ["ArrowDown"] * 4 + ["ArrowLeft"] * 6:
        keyboard.press(key)
        if chosen(page) is not None:
            seen.add(name_of(page, chosen(page)["node"]))
    assert len(seen) > 5
    assert "Selected: " in page.page.get_attribute("#canvas", "aria-label")
    keyboard.press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "details"
    page.page.focus("#canvas")
    keyboard.press("Escape")
    assert chosen(page) is None
    # Every node and every edge stands in a list of buttons.
    assert page.page.locator("#node-list button").count() == len(graph.nodes)
    assert page.page.locator("#edge-list button").count() == graph.n_edges
    page.page.focus("#edge-list button >> nth=0")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    second = page.page.locator("#edge-list button").nth(2)
    assert chosen(page) == {"edge": int(second.get_attribute("data-at"))}
    assert second.get_attribute("aria-current") == "true"


def test_long_lists_are_shown_in_parts(opened, random_edge_scores):
    graph = CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=1), Greedy(260))
    page = opened(graph)
    assert page.page.locator("#edge-list button").count() == 200
    page.page.click("#edge-more")
    assert page.page.locator("#edge-list button").count() == graph.n_edges


def test_annotations_come_back_as_they_were_and_draw_the_same_lines(opened, graph, extras, tmp_path):
    page = opened(graph, extras)
    heads = [node.name for node in graph.nodes if node.component.is_head]
    for head, group in zip(heads[:4], ("movers", "movers", "others", "movers"), strict=True):
        page.page.evaluate("(name) => circuitPage.find(name)", head)
        page.page.fill("#group-name", group)
        page.page.fill("#note", f"seen at {head} <b>")
        page.page.click(".notes button[type=submit]")
    with page.page.expect_download() as download:
        page.page.click("text=Save annotations")
    file = tmp_path / "saved.json"
    download.value.save_as(file)
    assert download.value.suggested_filename == "annotations.json"
    annotations = annotations_from(file.read_bytes(), source="file")
    assert annotations.groups == (("movers", (heads[0], heads[1], heads[3])), ("others", (heads[2],)))
    assert annotations.notes[heads[2]] == f"seen at {heads[2]} <b>"
    assert json.loads(file.read_text()) == annotations.as_json()
    # Loaded into another page, and given to one when it is written.
    again = opened(graph, extras)
    again.page.set_input_files("#annotations-file", str(file))
    again.page.locator("#command", has_text="--annotations annotations.json").wait_for()
    written = opened(graph, replace(extras, settings=DrawingSettings(annotations=annotations)))
    for one in (page, again, written):
        assert one.page.evaluate("circuitPage.state.annotations") == {
            "groups": [{"name": group.name, "nodes": list(group.nodes)} for group in annotations.groups],
            "notes": dict(annotations.notes),
        }
    assert drawn_lines(page) == drawn_lines(again) == drawn_lines(written) == lines_of(graph, annotations)


def drawn_lines(page: Any) -> set[tuple[str, str, str | None]]:
    """(source, target, port) of the lines on the page, where a group is called by all its nodes shown."""
    lines = page.page.evaluate(
        """circuitPage.canvas.lines.map(({from, to, port}) => [from, to].map((box) => {
            if (typeof box === "number") return circuitPage.data.nodes[box].name;
            const {nodes} = circuitPage.state.annotations.groups[Number(box.slice(1))];
            const used = (node, at) => nodes.includes(node.name) && circuitPage.canvas.used.has(at);
            return circuitPage.data.nodes.filter(used).map(({name}) => name).join("+");
        }).concat([port]))"""
    )
    return {tuple(line) for line in lines}


def lines_of(graph: CircuitGraph, annotations: Any) -> set[tuple[str, str, str | None]]:
    scene = show(scene_of([graph]), DrawingSettings(annotations=annotations), None).scene
    return {(line.source, line.target, line.port) for line in scene.lines}


def test_a_file_of_another_circuit_is_refused_and_changes_nothing(opened, graph, extras, tmp_path):
    page = opened(graph, extras)
    for text, said in (
        ("no json", "This file is no JSON"),
        ('{"format": "other"}', "holds no annotations"),
        ('{"format": "circuit-workbench-annotations", "version": 9}', "of version 9, newer than this page"),
        ('{"format": "circuit-workbench-annotations", "version": 1, "groups": [{"name": "x", "nodes": ["a9.h9"]}]}',
         "The group x holds a9.h9, which this circuit does not have"),
    ):  # fmt: skip
        file = tmp_path / "other.json"
        file.write_text(text)
        page.page.set_input_files("#annotations-file", str(file))
        page.page.locator("#live", has_text=said).wait_for()
    assert page.page.evaluate("circuitPage.state.annotations") == {"groups": [], "notes": {}}


def hostile(scores: EdgeScores) -> tuple[CircuitGraph, PageExtras]:
    """A circuit whose every text looks like a script."""
    origin = replace(scores.provenance, task=SCRIPT, model=SCRIPT, metric=SCRIPT, method=SCRIPT)
    graph = CircuitGraph.from_scores(replace(scores, provenance=origin), Greedy(40))
    head = strongest_head(graph)
    graph = graph.with_labels({head: (RoleLabel(SCRIPT, ()),)})
    tokens = (SCRIPT, "\u2028", "<!--", " b")
    prompt = ShownPrompt("pair", tokens, tokens[::-1], {SCRIPT: (0,), "END": (3,)}, (SCRIPT,), (SCRIPT,))
    reading = Reading(SCRIPT, 1.0, None, None, 1)
    patterns = tuple(Pattern(tokens, (1.0,), 0, number) for number in range(2))
    own = CircuitExtras(
        label=SCRIPT, scores=scores, prompts=(prompt,) * 5, readings={head: (reading,)}, patterns={head: patterns},
        unmeasured={"codes": SCRIPT},
    )  # fmt: skip
    return graph, PageExtras([own], reference=SCRIPT, command=f"circuits {SCRIPT} --", facts={SCRIPT: SCRIPT})


def test_text_that_looks_like_a_script_stays_text(opened, scores):
    graph, extras = hostile(scores)
    page = opened(graph, extras)
    for node in range(len(graph.nodes)):
        page.page.evaluate("(node) => circuitPage.select({node})", node)
    for edge in range(0, graph.n_edges, 7):
        page.page.evaluate("(edge) => circuitPage.select({edge})", edge)
    page.page.evaluate("(name) => circuitPage.find(name)", strongest_head(graph))
    page.page.fill("#group-name", SCRIPT[:80])
    page.page.fill("#note", SCRIPT)
    page.page.click(".notes button[type=submit]")
    page.page.evaluate("circuitPage.select({group: 0})")
    assert SCRIPT in page.page.inner_text("#title")
    assert page.page.inner_text("#title") == SCRIPT
    assert SCRIPT in page.page.text_content("#prompts")
    assert page.page.evaluate("globalThis.broken") is None
    assert page.page.locator("b, img, script:not([type])").count() == 0
    assert (page.faults, page.requests) == ([], [])


def test_the_policy_lets_nothing_else_run_or_load(opened, graph, extras):
    page = opened(graph, extras)
    policy = page.page.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert "'unsafe" not in policy
    assert re.search(r"default-src 'none'; script-src ('sha256-[\w+/=]+' ?){2};.* connect-src 'none';", policy)
    assert page.faults == []
    page.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'globalThis.broken = 1'}))"
    )
    refused = page.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert page.page.evaluate("globalThis.broken") is None
    assert len(page.faults) >= 2


def test_it_runs_without_a_fault_and_asks_for_nothing(opened, graph, extras, random_edge_scores):
    for subject in (graph, compare(graph, CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=8), Greedy(70)))):
        page = opened(subject, extras if subject is graph else None)
        page.page.evaluate("circuitPage.canvas.fit()")
        page.page.emulate_media(color_scheme="dark")
        page.page.click("[aria-label='Zoom in']")
        assert (page.faults, page.requests) == ([], [])


def test_a_phone_shows_all_of_it_without_scrolling_sideways(opened, graph, extras):
    page = opened(graph, extras, width=390, height=844)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.page.locator("#canvas").bounding_box()
    assert box["width"] >= 380
    assert box["height"] >= 300
    page.page.click("#reset")
    assert len(page.shown()) == graph.n_edges


def box_of_drawing(page: Any) -> dict[str, float]:
    """What the nodes take of the canvas, in its pixels."""
    return page.page.evaluate("circuitPage.canvas.cy.nodes().not('.hidden').renderedBoundingBox()")


def size_of_canvas(page: Any) -> list[float]:
    return page.page.evaluate("[circuitPage.canvas.cy.width(), circuitPage.canvas.cy.height()]")


def settled(page: Any) -> None:
    """Sizes are told before the next picture."""
    page.page.evaluate("new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))")


def test_a_window_that_becomes_narrow_keeps_all_of_the_drawing_in_view(opened, graph, extras):
    page = opened(graph, extras, width=1400, height=900)
    page.page.set_viewport_size({"width": 390, "height": 844})
    settled(page)
    box, (width, height) = box_of_drawing(page), size_of_canvas(page)
    assert width <= 390
    assert min(box["x1"], box["y1"]) >= 0
    assert (box["x2"] <= width, box["y2"] <= height) == (True, True)


def test_what_somebody_has_zoomed_to_stays_in_the_middle_of_a_narrower_window(opened, graph, extras):
    page = opened(graph, extras, width=1400, height=900)
    page.page.click("[aria-label='Zoom in']")
    middle = "(({x1, x2}) => (x1 + x2) / 2)(circuitPage.canvas.cy.extent())"
    before, zoom = page.page.evaluate(middle), page.page.evaluate("circuitPage.canvas.cy.zoom()")
    page.page.set_viewport_size({"width": 1000, "height": 900})
    settled(page)
    assert page.page.evaluate(middle) == pytest.approx(before, abs=1)
    assert page.page.evaluate("circuitPage.canvas.cy.zoom()") == zoom


def test_the_keys_are_told_beside_the_drawing_not_on_it(opened, graph, extras):
    page = opened(graph, extras)
    page.page.focus("#annotations-file")
    page.page.keyboard.press("Tab")
    settled(page)
    assert page.page.evaluate("document.activeElement.id") == "canvas"
    keys, canvas = (page.page.locator(name).bounding_box() for name in ("#keys", "#canvas"))
    assert keys["y"] >= canvas["y"] + canvas["height"]
    box, (_, height) = box_of_drawing(page), size_of_canvas(page)
    assert box["y2"] <= height <= canvas["height"] + 1


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_serious_fault_of_accessibility(opened, graph, extras, dark):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe to look for faults with")
    page = opened(graph, extras, dark=dark)
    page.page.evaluate("(name) => circuitPage.find(name)", strongest_head(graph))
    # The tool itself runs as a script, which the page's own policy would refuse.
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.page.evaluate(source)
    found = page.page.evaluate("axe.run()")["violations"]
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_dark_screens_get_dark_paper_and_boxes_follow(opened, graph, extras):
    page = opened(graph, extras)
    fill = "circuitPage.canvas.cy.nodes().filter(':visible')[1].style('background-color')"
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.page.evaluate(paper), page.page.evaluate(fill)
    page.page.emulate_media(color_scheme="dark")
    assert light[0] == "rgb(255, 255, 255)"
    assert page.page.evaluate(paper) == "rgb(21, 23, 26)"
    # The canvas is told with the next frame.
    page.page.wait_for_function(f"before => {fill} !== before", arg=light[1])


def legend(page: Any) -> list[str]:
    return page.page.locator("#legend .key").all_text_contents()


def test_the_legend_shows_what_is_drawn(opened, graph, scores, extras):
    page = opened(graph, extras)
    both = legend(page)
    roles = [entry for entry in both if entry in ("name mover", "induction")]
    words = ["wider: larger |score|", "kv: key-value head, beside the heads that it serves"]
    assert both == ["supports the behavior", "works against it", *roles, "query", "key", "value", *words]
    assert len(roles) == 2
    names = page.page.evaluate("circuitPage.data.names")
    score = {edge.name: edge.score for edge in graph.edges}
    strongest = max(names, key=lambda name: abs(score[name]))
    page.page.fill("#top", "1")
    (sign,) = {"supports the behavior" if score[strongest] > 0 else "works against it"}
    assert legend(page)[0] == sign
    assert len({"supports the behavior", "works against it"} & set(legend(page))) == 1
    heads = [node.name for node in graph.nodes if node.component.is_head]
    page.page.fill("#top", "")
    page.page.evaluate("(nodes) => circuitPage.annotate((all) => { all.groups = [{name: 'all heads', nodes}] })", heads)
    assert not set(legend(page)) & {"name mover", "induction"}, "no box has the frame of a role"
    assert words[1] not in legend(page), "no query head is drawn beside a key-value head"


def markers(page: Any, which: str = ".marker") -> list[tuple[str, str]]:
    """(name of the box, shape) of markers, each as often as it is drawn."""
    of = "cy.getElementById(node.id().split('<')[0]).data('label'), node.style('shape')"
    found = page.page.evaluate(f"(({{cy}}) => cy.nodes({which!r}).map((node) => [{of}]))(circuitPage.canvas)")
    return sorted((name, shape) for name, shape in found)


def entered(edges: Iterable[Edge]) -> list[tuple[str, str]]:
    """The inputs of heads that edges enter, each once, with the shape of its marker."""
    shapes = {"q": "ellipse", "k": "rectangle", "v": "triangle"}
    return sorted({(str(edge.target), shapes[edge.port]) for edge in edges if edge.port is not None})


def test_an_input_of_a_head_has_one_upright_marker_that_its_lines_end_in(opened, graph):
    page = opened(graph)
    edges = [item.edge for item in graph.edges]
    assert markers(page) == entered(edges)
    assert len(entered(edges)) < sum(edge.port is not None for edge in edges), "lines share markers"
    arrows = page.page.evaluate("circuitPage.canvas.cy.edges().map((edge) => edge.style('target-arrow-shape'))")
    assert set(arrows) == {"none"}
    ends = page.page.evaluate(
        """(async ({cy}) => {
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            return cy.edges().filter((edge) => edge.data("enters")).map((edge) => {
                const end = edge.targetEndpoint(), marker = cy.getElementById(edge.data("enters"));
                const [at, box] = [marker.position(), edge.target().position().y + edge.target().height() / 2];
                return [end.x - at.x, end.y - at.y, at.y - marker.height() / 2 - box];
            });
        })(circuitPage.canvas)"""
    )
    assert len(ends) == sum(edge.port is not None for edge in edges)
    assert np.abs(np.array(ends)).max(axis=0).tolist() == pytest.approx([0, 3.5, 0], abs=0.01)
    page.page.fill("#top", "5")
    names = set(page.shown())
    assert markers(page) == entered(edge for edge in edges if str(edge) in names)


def test_markers_stand_out_with_the_lines_that_enter_them(opened, graph):
    page = opened(graph)
    edges = [item.edge for item in graph.edges]
    source = str(next(edge.source for edge in edges if edge.port is not None))
    page.page.evaluate("(node) => circuitPage.select({ node })", [node.name for node in graph.nodes].index(source))
    touched = entered(edge for edge in edges if source in (str(edge.source), str(edge.target)))
    assert markers(page, ".marker.near") == touched
    assert len(markers(page, ".marker.far")) == len(entered(edges)) - len(touched) > 0


def test_lines_into_a_group_share_its_markers(opened, graph):
    page = opened(graph)
    heads = [node.name for node in graph.nodes if node.component.is_head and node.component.layer == 3]
    page.page.evaluate("(nodes) => circuitPage.annotate((all) => { all.groups = [{name: 'last', nodes}] })", heads)
    shapes = {shape for name, shape in entered(item.edge for item in graph.edges) if name in heads}
    assert [shape for name, shape in markers(page) if name.startswith("last")] == sorted(shapes)


def test_a_chosen_key_value_head_stands_out_with_the_heads_that_it_serves(opened, graph):
    page = opened(graph)
    names = [node.name for node in graph.nodes]
    for group, head in graph.group_edges:
        page.page.evaluate("(node) => circuitPage.select({ node })", names.index(str(group)))
        assert page.page.evaluate(
            "(id) => circuitPage.canvas.cy.getElementById(id).hasClass('near')", f"n{names.index(str(head))}"
        )


def test_the_legend_of_a_comparison_shows_what_is_drawn(opened, graph, scores):
    smaller = CircuitGraph.from_scores(scores, Greedy(40))
    page = opened(compare(smaller, graph))
    a, b = page.page.evaluate("circuitPage.data.circuits.map(({label}) => label)")
    has_own = {edge.name for edge in smaller.edges} - {edge.name for edge in graph.edges}
    entries = legend(page)
    assert (f"only {a}" in entries) == bool(has_own)
    assert f"only {b}" in entries
    assert "in both" in entries
    assert "in both, sign flipped" not in entries
    assert "works against the behavior" in entries
    page.page.evaluate("circuitPage.filter({...circuitPage.everything(), only: 'shared'})")
    assert f"only {b}" not in legend(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_some_of_three_circuits_have_is_dotted_and_nothing_else_is(opened, graph, random_edge_scores, dark):
    graphs = [graph, *(CircuitGraph.from_scores(random_edge_scores(GROUPED, seed=s), Greedy(60)) for s in (8, 9))]
    page = opened(graphs, dark=dark)
    lines, boxes = page.page.evaluate(
        """(({cy, data}) => {
            const look = (line) => [line.style("line-style"), line.style("line-dash-pattern")];
            const lines = cy.edges().map((line) => [data.names[line.data("selects").edge], ...look(line)]);
            return [lines, cy.nodes(".box").map((node) => [node.data("label"), node.style("border-style")])];
        })(circuitPage.canvas)"""
    )
    parts = diff_of_many(graphs)
    scores: dict[str, list[float]] = {}
    for edge in (item for one in graphs for item in one.edges if item.score is not None):
        scores.setdefault(edge.name, []).append(edge.score)
    kinds = dict(zip(parts.edges.names, parts.edges.memberships(), strict=True))
    looks = {
        (False, False): ("solid", None),
        (False, True): ("dashed", "6 3"),
        (True, False): ("dashed", "2 3"),
        (True, True): ("dashed", "6 3 2 3"),
    }
    expected = {name: looks[kind == "some", all(score < 0 for score in scores[name])] for name, kind in kinds.items()}
    assert {name: (style, pattern if style == "dashed" else None) for name, style, pattern in lines} == expected
    assert set(looks.values()) == set(expected.values()), "every look is there"
    nodes = dict(zip(parts.nodes.names, parts.nodes.memberships(), strict=True))
    assert dict(boxes) == {name: "dashed" if kind == "some" else "solid" for name, kind in nodes.items()}
    swatch = page.page.locator("#legend .key", has_text="in some").locator(".swatch")
    assert swatch.evaluate("(swatch) => getComputedStyle(swatch).borderTopStyle") == "dotted"


def test_the_legend_of_a_comparison_is_seen_with_its_drawing(opened, graph, scores):
    page = opened(compare(graph, CircuitGraph.from_scores(scores, Greedy(60))), width=1400, height=900)
    legend, canvas = (page.page.locator(name).bounding_box() for name in ("#legend", "#canvas"))
    assert page.page.locator("#legend .key").count() >= 3
    assert legend["y"] + legend["height"] <= canvas["y"] < 500
    assert canvas["y"] + canvas["height"] <= 900


def test_names_have_room_in_their_boxes(opened, graph):
    room = """(() => {
        const {cy} = circuitPage.canvas, pen = document.createElement("canvas").getContext("2d");
        pen.font = "14px system-ui, sans-serif";
        return cy.nodes(".box").map((node) => node.data("width") - pen.measureText(node.data("label")).width);
    })()"""
    page = opened(graph)
    assert any(".kv" in node.name for node in graph.nodes)
    assert min(page.page.evaluate(room)) >= 10


def test_names_are_large_and_short_on_a_phone(opened, graph):
    written = """(() => { const {cy} = circuitPage.canvas, node = cy.nodes(`[label = ${JSON.stringify(NAME)}]`)[0];
        return [node.style("label"), parseFloat(node.style("font-size")) * cy.zoom()]; })()"""
    name = next(node.name for node in graph.nodes if ".kv" in node.name)
    written = written.replace("NAME", repr(name))
    page = opened(graph, width=390, height=844)
    label, pixels = page.page.evaluate(written)
    assert label == name.partition(".")[2]
    assert pixels >= 7
    page.page.set_viewport_size({"width": 1280, "height": 900})
    page.page.wait_for_function(f"{written}[0] === {name!r}")
