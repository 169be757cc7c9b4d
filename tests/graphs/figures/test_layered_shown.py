"""What of a circuit is drawn, and that the drawing says by which rule."""

from dataclasses import replace

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopComponents, TopEdges, compare
from graphs.export import caption
from graphs.figures.layered.drawing import composed
from graphs.figures.layered.looks import membership_of
from graphs.figures.layered.merge import merged
from graphs.figures.layered.scene import scene_of
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.shown import PartFaithfulness, candidates, most_lines, not_drawn, show
from graphs.figures.sizes import SIZES

PLAIN = Wiring(n_layers=4, n_heads=4, n_kv_heads=4)
GROUPED = Wiring(n_layers=3, n_heads=4, n_kv_heads=2)
SQUARE = Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
SCORED = {"input->a0.h1<v>": 4.0, "input->m0": -2.0, "m0->logits": 1.0, "a0.h1->m0": 0.5, "a0.h1->logits": 0.25}


@pytest.fixture
def graph(edge_scores_of):
    return CircuitGraph.from_scores(edge_scores_of(SCORED, wiring=PLAIN), TopEdges(5))


def shown(graph, n=None, **settings):
    return show(scene_of([graph]), DrawingSettings(**settings), n)


def names(scene):
    return [line.name for line in scene.lines]


def circuit(wiring, *edges, **about):
    return CircuitGraph.from_edges(wiring, map(Edge.parse, edges), **about)


def check_leads_onwards(scene):
    """Every line ends in a later row than it starts in."""
    for line in scene.lines:
        assert scene.boxes[line.source].rank < scene.boxes[line.target].rank, line.name


def test_all_is_shown_without_a_word_where_it_fits(graph):
    part = shown(graph)
    assert names(part.scene) == [item.name for item in graph.edges]
    assert part.sentence() is None


def test_top_shows_the_lines_with_the_largest_scores_of_either_sign(graph):
    part = shown(graph, 2, top=2)
    assert set(names(part.scene)) == {"input->a0.h1<v>", "input->m0"}
    assert part.sentence() == "Shown: 2 of 5 edges, 77% of the score (the 2 strongest)."  # 6 of 7.75
    assert set(part.scene.boxes) == {"input", "a0.h1", "m0"}


def test_more_than_there_are_is_all_there_is(graph):
    part = shown(graph, 50, top=50)
    assert len(part.scene.lines) == 5
    assert part.sentence() is None


def test_a_least_score_is_one_of_either_sign(graph):
    part = shown(graph, min_score=1.0)
    assert set(names(part.scene)) == {"input->a0.h1<v>", "input->m0", "m0->logits"}
    assert part.sentence() == "Shown: 3 of 5 edges, 90% of the score (|score| at least 1)."
    with pytest.raises(ValueError, match=r"min_score 5 leaves nothing to draw: the largest \|score\| is 4"):
        shown(graph, min_score=5.0)


def test_heads_only_leaves_out_mlps_and_the_edges_at_them(graph):
    part = shown(graph, heads_only=True)
    assert names(part.scene) == ["input->a0.h1<v>", "a0.h1->logits"]
    assert part.sentence() == "Shown: 2 of 5 edges, 55% of the score (between heads only)."
    with pytest.raises(ValueError, match="every edge of this circuit is at an MLP"):
        shown(circuit(PLAIN, "input->m0", "m0->logits"), heads_only=True)


def test_a_summary_of_its_own_choice_is_a_circuit(random_edge_scores):
    scores = random_edge_scores(SQUARE, seed=3, n_prompts=2)
    graph = CircuitGraph.from_scores(scores, Greedy(900))
    composition = composed(graph, DrawingSettings(size=SIZES["column"]))
    edges = [Edge.parse(name) for name in names(composition.scene)]
    assert 1 < len(edges) < 64
    assert list(SQUARE.on_a_path(edges)) == edges
    said = " ".join(composition.sheet.words.footer)
    assert f"Shown: {len(edges)} of 900 edges" in said
    assert f"(the {len(edges)} on the strongest paths)" in said


def test_a_summary_names_the_strongest_edges_and_heads_that_it_leaves_out(edge_scores_of):
    # a3.h1 is the strongest head, by an edge whose path begins with the weakest edge of all.
    chain = {"input->a0.h1<v>": 5.0, "a0.h1->logits": 5.0, "a3.h1->logits": 9.0, "input->a3.h1<v>": 0.5}
    many = {f"input->a{layer}.h{index}<q>": 1.0 for layer in range(4) for index in (0, 2, 3)}
    many |= {f"a{layer}.h{index}->logits": -1.0 for layer in range(4) for index in (0, 2, 3)}
    scores = edge_scores_of({**chain, **many}, wiring=PLAIN)
    graph = CircuitGraph.from_scores(scores, TopEdges(len(chain) + len(many)))
    part = shown(graph, 4)
    assert set(names(part.scene)) >= {"input->a0.h1<v>", "a0.h1->logits"}
    assert "a3.h1" not in part.scene.boxes
    said = part.missing
    assert said.startswith("Not drawn: 24 edges, strongest a3.h1->logits (+9), ")
    assert " and 21 more; no edge of a3.h1, " in said
    assert part.advice == "`--top 4` draws the 4 strongest whatever their paths; `--to html` shows all."
    # Who says how many are drawn is told no such thing, and what fits leaves out nothing.
    for other in (shown(graph, 4, top=4), shown(graph)):
        assert (other.missing, other.advice) == (None, None)


def test_what_is_left_out_is_said_in_the_caption_and_what_to_do_about_it_to_who_draws(random_edge_scores):
    graph = CircuitGraph.from_scores(random_edge_scores(SQUARE, seed=3, n_prompts=2), Greedy(900))
    composition = composed(graph, DrawingSettings(size=SIZES["column"]))
    words, in_caption = composition.sheet.words, caption(graph, composition)
    shown_here, missing, advice = words.told
    assert shown_here in words.footer
    assert shown_here in in_caption
    assert missing.startswith("Not drawn: ")
    assert missing in in_caption
    assert "--to html" in advice
    assert advice not in in_caption
    assert not {missing, advice} & {*words.footer}


def of_two(edge_scores_of, shared, only_a, only_b):
    """A comparison of two circuits; parts of layer 0 are shared, of layer 1 of the first alone, of 2 of the second."""

    def edges(layer, sizes):
        return {
            name: size
            for index, size in enumerate(sizes)
            for name in (f"input->a{layer}.h{index}<v>", f"a{layer}.h{index}->logits")
        }

    sides = [edges(0, shared) | edges(1, only_a), edges(0, shared) | edges(2, only_b)]
    graphs = [CircuitGraph.from_scores(edge_scores_of(side, wiring=PLAIN), TopEdges(len(side))) for side in sides]
    return compare(*graphs, resamples=10)


@pytest.mark.parametrize("settings", [{}, {"ports": ("v",)}])
def test_what_is_chosen_of_a_comparison_has_some_of_each_kind(edge_scores_of, settings):
    both = of_two(edge_scores_of, (9.0, 8.0, 7.0, 6.0), (0.5, 0.4), (0.3, 0.2))
    part = show(scene_of([both.a, both.b]), DrawingSettings(**settings), 6)
    assert {membership_of(line) for line in part.scene.lines} == {"shared", "only_a", "only_b"}
    assert {"a0.h0", "a1.h0", "a2.h0"} <= part.scene.boxes.keys()
    assert part.rules[-1].endswith("in turn of what both have and what either has alone")


def test_a_kind_whose_paths_are_weak_is_drawn_too(edge_scores_of):
    # The one edge of the second alone leads on through the weakest of those that both have.
    shared = {f"input->a0.h{index}<v>": 9.0 - index for index in range(4)}
    shared |= {f"a0.h{index}->logits": 9.0 - index for index in range(4)} | {"input->m1": 0.2, "m1->logits": 0.1}
    sides = [edge_scores_of(side, wiring=PLAIN) for side in (shared, {**shared, "a0.h0->m1": 0.5})]
    graphs = [CircuitGraph.from_scores(side, TopEdges(n)) for side, n in zip(sides, (10, 11), strict=True)]
    part = show(scene_of(graphs), DrawingSettings(), 4)
    assert {membership_of(line) for line in part.scene.lines} == {"shared", "only_b"}


def test_so_many_of_the_strongest_as_asked_are_the_strongest_also_of_a_comparison(edge_scores_of):
    both = of_two(edge_scores_of, (9.0, 8.0, 7.0, 6.0), (0.5, 0.4), (0.3, 0.2))
    part = show(scene_of([both.a, both.b]), DrawingSettings(top=6), 6)
    assert {membership_of(line) for line in part.scene.lines} == {"shared"}
    assert part.rules == ("the 6 strongest",)


def test_circuits_with_the_same_edges_have_no_kinds_to_take_turns(edge_scores_of):
    both = of_two(edge_scores_of, (9.0, 8.0, 7.0, 6.0), (), ())
    assert show(scene_of([both.a, both.b]), DrawingSettings(), 6).rules == ("the 6 on the strongest paths",)


def test_lines_that_are_no_edges_and_have_no_scores_are_named_as_such():
    scene = scene_of([circuit(PLAIN, "input->m0", "m0->m1", "m1->logits")])
    assert not_drawn(scene, scene.lines[:1]) == ("Not drawn: 2 edges, such as m0->m1, m1->logits; no edge of m1.")
    assert not_drawn(scene, scene.lines) is None
    bundled = merged(scene, DrawingSettings(bundle="layer"))
    assert "Not drawn: 1 line of task, such as " in (not_drawn(bundled, bundled.lines[:2], "task") or "")


def test_the_drawing_says_how_faithful_what_it_shows_is_where_that_is_known(graph):
    asked = []

    def measured(names):
        asked.append(names)
        return PartFaithfulness(0.43, 0.38, 0.48, 0.85, "the prompts that chose")

    settings = DrawingSettings(top=2)
    (said, _) = composed(graph, settings, measured).sheet.words.footer
    faithful = "faithfulness 0.43 [0.38, 0.48] of 0.85 on the prompts that chose"
    assert said == f"Shown: 2 of 5 edges, 77% of the score, {faithful} (the 2 strongest)."
    assert asked == [{"input->a0.h1<v>", "input->m0"}]
    assert "faithfulness" not in composed(graph, settings, lambda names: None).sheet.words.footer[0]
    # All of it is described as ever, and merged lines are no circuit that could have been run.
    for others in (DrawingSettings(), DrawingSettings(bundle="layer")):
        composed(graph, others, measured)
    assert len(asked) == 1


def test_up_to_150_lines_are_drawn_on_a_page_and_fewer_where_there_is_less_room():
    page, column = (
        most_lines(0.75 * SIZES[name].width * SIZES[name].height, SIZES[name].font) for name in ("page", "column")
    )
    assert page == 150
    assert 30 < column < 60
    automatic = DrawingSettings()
    assert candidates(150, automatic, page)[0] is None
    assert candidates(151, automatic, page)[:2] == [64, 48]
    assert candidates(151, DrawingSettings(top=70), page)[0] == 70


def test_what_was_asked_for_and_does_not_fit_is_refused_with_what_would(random_edge_scores):
    graph = CircuitGraph.from_scores(random_edge_scores(SQUARE, seed=3, n_prompts=2), Greedy(900))
    with pytest.raises(ValueError, match=r"900 edges do not fit 3\.35x4\.6 inches.*\(the \d+ strongest would fit\)"):
        composed(graph, DrawingSettings(size=SIZES["column"], top=900))
    with pytest.raises(ValueError, match=r"do not fit 1\.5x1\.5 inches"):
        composed(graph, DrawingSettings(size=replace(SIZES["column"], width=1.5, height=1.5)))


def test_circuits_without_scores_are_bundled_where_they_are_too_large():
    graph = CircuitGraph.from_edges(SQUARE, SQUARE.edges[::20])
    said = " ".join(composed(graph).sheet.words.footer)
    assert "bundled by layer" in said
    with pytest.raises(ValueError, match="no edge of this circuit has a score"):
        composed(graph, DrawingSettings(top=5))


def test_lines_without_scores_are_ranked_by_the_parts_that_they_connect(edge_scores_of, node_scores_of):
    whole = edge_scores_of({"input->a0.h0<v>": 1.0, "input->a0.h1<v>": 1.0, "a0.h0->logits": 1.0, "a0.h1->logits": 1.0})
    graph = CircuitGraph.from_scores(
        whole, TopComponents(2), node_scores=node_scores_of({"a0.h0": 0.25, "a0.h1": 0.5})
    ).by_layer()
    assert scene_of([graph]).ranked_by is None
    unscored = replace(graph, nodes=tuple(replace(node, score=2.0) for node in graph.nodes))
    assert scene_of([unscored]).ranked_by == "ends"


def test_by_layer_lines_are_the_sums_of_the_edges_between_layers(edge_scores_of):
    scores = {"input->a0.h0<v>": 1.0, "input->a0.h1<v>": 2.0, "a0.h0->m1": 0.5, "a0.h1->m1": -1.0, "m1->logits": 1.0}
    graph = CircuitGraph.from_scores(edge_scores_of(scores, wiring=PLAIN), TopEdges(5))
    part = shown(graph, bundle="layer")
    found = {line.name: (line.scores[0], line.counts[0]) for line in part.scene.lines}
    assert found == {"input->a0<v>": (3.0, 2), "a0->m1": (-0.5, 2), "m1->logits": (1.0, 1)}
    assert part.sentence() == "Shown: all 5 edges, as 3 lines (bundled by layer)."


def test_by_role_every_line_leads_onwards_and_every_edge_between_boxes_is_counted(random_edge_scores):
    scores = random_edge_scores(PLAIN, seed=1, n_prompts=2)
    roles = {
        f"a{layer}.h{index}": ("mover", "induction", None)[(layer + index) % 3]
        for layer in range(4)
        for index in range(4)
    }
    roles = {name: role for name, role in roles.items() if role is not None}
    graph = CircuitGraph.from_scores(scores, Greedy(60), roles=roles)
    part = shown(graph, bundle="role")
    check_leads_onwards(part.scene)
    inside = {name: box.name for box in part.scene.boxes.values() for name in map(str, box.parts)}
    between = [item for item in graph.edges if inside[str(item.edge.source)] != inside[str(item.edge.target)]]
    assert sum(line.counts[0] for line in part.scene.lines) == len(between)
    for box in part.scene.boxes.values():
        assert {roles.get(str(part)) for part in box.parts if part.is_head} <= {box.role}


def test_heads_of_a_role_are_one_box_unless_a_path_leaves_it_and_comes_back():
    roles = {"a0.h0": "mover", "a0.h1": "mover", "a2.h0": "mover"}
    apart = circuit(PLAIN, "input->a0.h0<v>", "input->a0.h1<v>", "a0.h0->logits", "a0.h1->logits", roles=roles)
    assert [box.label for box in shown(apart, bundle="role").scene.boxes.values()] == ["input", "mover (2)", "logits"]
    back = circuit(PLAIN, "input->a0.h0<v>", "a0.h0->m1", "m1->a2.h0<v>", "a2.h0->logits", roles=roles)
    labels = [box.label for box in shown(back, bundle="role").scene.boxes.values()]
    assert labels == ["input", "mover (1)", "MLPs (1)", "mover (1)", "logits"]
    with pytest.raises(ValueError, match="no head of this circuit has a role"):
        shown(circuit(PLAIN, "input->m0", "m0->logits"), bundle="role")


def test_by_role_a_key_value_head_is_with_the_first_head_it_serves_and_comes_before_the_others():
    names = ("input->a1.kv1<v>", "a1.h2->logits", "a1.h3->logits", "input->a1.h0<q>", "a1.h0->logits")
    graph = circuit(GROUPED, *names, roles={"a1.h2": "mover", "a1.h3": "sink"})
    scene = shown(graph, bundle="role").scene
    assert {box.label: [str(part) for part in box.parts] for box in scene.boxes.values() if not box.is_bar} == {
        "no role (1)": ["a1.h0"],
        "mover (1)": ["a1.kv1", "a1.h2"],
        "sink (1)": ["a1.h3"],
    }
    ranks = {box.label: box.rank for box in scene.boxes.values()}
    assert ranks["input"] < ranks["mover (1)"] < ranks["sink (1)"] < ranks["logits"]


def test_mlps_are_collapsed_where_one_place_lies_between_what_leads_to_them_and_what_they_lead_to():
    free = circuit(PLAIN, "input->m0", "m0->m1", "m1->a2.h0<v>", "a2.h0->m2", "m2->logits")
    part = shown(free, collapse=("mlps",))
    assert [box.label for box in part.scene.boxes.values()] == ["input", "m0\u2013m1", "a2.h0", "m2", "logits"]
    check_leads_onwards(part.scene)
    held = circuit(PLAIN, "input->m0", "m0->a1.h0<v>", "a1.h0->m1", "m1->logits")
    assert names(shown(held, collapse=("mlps",)).scene) == [item.name for item in held.edges]


def test_what_is_said_to_be_collapsed_is():
    free = circuit(PLAIN, "input->m0", "m0->m1", "m1->logits")
    assert shown(free, collapse=("mlps", "kv", "mlps")).rules == ("MLPs collapsed", "no key-value heads to collapse")
    held = circuit(GROUPED, "input->m0", "m0->a1.kv1<v>", "a1.h2->m1", "m1->logits")
    assert shown(held, collapse=("kv", "mlps")).rules == ("key-value heads collapsed", "no MLPs to collapse")


@pytest.mark.parametrize("seed", range(6))
def test_collapsed_circuits_lead_onwards(random_edge_scores, seed):
    for wiring in (PLAIN, GROUPED):
        graph = CircuitGraph.from_scores(random_edge_scores(wiring, seed=seed, n_prompts=2), Greedy(25))
        for collapse in (("mlps",), ("kv",), ("mlps", "kv")):
            check_leads_onwards(merged(scene_of([graph]), DrawingSettings(collapse=collapse)))


def test_a_key_value_head_is_collapsed_with_the_heads_it_serves():
    graph = circuit(GROUPED, "input->a1.kv1<v>", "input->a1.h2<q>", "a1.h2->logits", "a1.h3->logits")
    scene = shown(graph, collapse=("kv",)).scene
    assert [box.label for box in scene.boxes.values()] == ["input", "a1.h2,3", "logits"]
    assert [(line.port, line.counts[0]) for line in scene.lines] == [("q", 1), ("v", 1), (None, 2)]


def test_a_line_of_two_circuits_is_shared_of_either_alone_or_flipped(edge_scores_of):
    a = edge_scores_of(
        {"input->a0.h0<v>": 1.0, "a0.h0->logits": 1.0, "input->m0": 1.0, "m0->logits": 0.5}, wiring=PLAIN
    )
    b = edge_scores_of(
        {"input->a0.h0<v>": 1.0, "a0.h0->logits": -1.0, "input->logits": 1.0}, wiring=PLAIN, task="other"
    )
    comparison = compare(CircuitGraph.from_scores(a, TopEdges(4)), CircuitGraph.from_scores(b, TopEdges(3)))
    composition = composed(comparison)
    kinds = {line.name: membership_of(line) for line in composition.scene.lines}
    assert kinds == {
        "input->a0.h0<v>": "shared",
        "a0.h0->logits": "flipped",
        "input->m0": "only_a",
        "m0->logits": "only_a",
        "input->logits": "only_b",
    }
    said = [entry.text for entry in composition.sheet.words.legend]
    assert said[:4] == ["shared", "only in ioi", "only in other", "shared, sign flipped"]
    assert "value" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"top": 0}, "a drawing shows at least 1"),
        ({"min_score": 0.0}, "a number above 0"),
        ({"min_score": float("nan")}, "a number above 0"),
        ({"orientation": "down"}, "no orientation 'down'. Known: right, up"),
        ({"bundle": "rolle"}, "no bundle 'rolle'.*Did you mean 'role'"),
        ({"collapse": ("mlp",)}, "Did you mean 'mlps'"),
        ({"bundle": "layer", "collapse": ("kv",)}, "Give one of the two"),
        ({"heads_only": True, "collapse": ("mlps",)}, "Give one of the two"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        DrawingSettings(**settings)
