import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import INPUT, LOGITS, Component, Edge, Reader, Wiring
from circuits.masks import endpoints
from circuits.scores import ComponentScores, EdgeScores, Provenance
from graphs.circuit_graph import CircuitGraph
from graphs.export.document import circuit_document
from graphs.export.json import JsonExport
from graphs.selection import (
    SELECTIONS,
    ComponentThreshold,
    Ensemble,
    Flow,
    Greedy,
    Grown,
    Positive,
    Significant,
    Threshold,
    TopComponents,
    TopEdges,
    describe,
    means_at,
    selection_from,
)

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
WIRINGS = (
    TINY,
    Wiring(n_layers=3, n_heads=2, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=2, n_kv_heads=1, is_parallel=True),
)
EVERY_SELECTION = (
    TopEdges(3),
    Threshold(0.5, absolute=False),
    Greedy(7),
    Grown(5),
    Flow(6, time_limit=2.0),
    Significant(level=0.9),
    Positive(8, share=0.9),
    Ensemble(4, methods=("eap", "relp"), how="min"),
    TopComponents(4, n_edges=9, position="END"),
    ComponentThreshold(0.25),
)


def names(selected):
    return [str(edge) for edge in selected.edges]


def test_endpoints_are_those_of_the_wirings_edges():
    wiring = WIRINGS[2]
    source, target = endpoints(wiring)
    assert [
        Edge(wiring.writers[s], wiring.readers[t].component, wiring.readers[t].port)
        for s, t in zip(source, target, strict=True)
    ] == list(wiring.edges)


def test_top_edges_keeps_the_strongest_whatever_their_sign(edge_scores_of):
    scores = edge_scores_of(
        {"input->a0.h0<v>": -3.0, "a0.h0->logits": 2.0, "input->logits": 1.0, "input->a1.h1<q>": 0.5}
    )
    selected = TopEdges(3).choose(scores)
    assert names(selected) == ["input->a0.h0<v>", "input->logits", "a0.h0->logits"]
    assert selected.threshold == 1.0


def test_signed_ranking_leaves_out_edges_that_work_against_the_behavior(edge_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": -3.0, "a0.h0->logits": 2.0, "input->logits": 1.0})
    assert names(TopEdges(2, absolute=False).choose(scores)) == ["input->logits"]


def test_dead_ends_are_dropped_and_named_with_the_reason(edge_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": 3.0, "a0.h1->logits": 2.0, "input->logits": 1.0})
    selected = TopEdges(3).choose(scores)
    assert names(selected) == ["input->logits"]
    assert (selected.n_chosen, selected.n_dropped) == (3, 2)
    assert selected.left_out == {
        "a0.h0": "no chosen path leads from it to logits",
        "a0.h1": "no chosen path leads from input to it",
    }
    assert selected.size_note == (
        "3 edges were chosen, and the circuit has 1: 2 lie on no path from the embedding (input) to the logits within "
        "them; with them went a0.h0, a0.h1. Rule grown gives connected circuits of any size (--edges)."
    )
    assert TopEdges(1).choose(edge_scores_of({"input->logits": 1.0})).size_note is None


def test_a_selection_without_a_path_is_empty_and_says_why(edge_scores_of):
    """No edge into the logits was measured, so that there is none that could stand in."""
    unmeasured = tuple(str(edge) for edge in TINY.edges if edge.target == LOGITS)
    selected = TopEdges(1).choose(edge_scores_of({"input->a0.h0<v>": 2.0}, unmeasured=unmeasured))
    assert selected.edges == ()
    assert selected.threshold is selected.size_note is None
    assert not selected.mask.any()
    assert selected.reason == (
        "top-edges (n=1) chose 1 edge, but together they make no path from input to logits, and no measured edges do: "
        "measure more edges."
    )


def test_where_the_strongest_edges_make_no_path_the_circuit_is_grown_and_says_so(edge_scores_of):
    scores = edge_scores_of({"a0.h0->logits": 2.0, "a0.h1->logits": 2.0, "input->a0.h0<v>": 1.0})
    selected = TopEdges(2).choose(scores)
    assert names(selected) == names(Grown(2).choose(scores)) == ["input->a0.h0<v>", "a0.h0->logits"]
    assert selected.notes == (
        "the 2 strongest edges make no path from input to logits: the circuit was grown along paths instead.",
    )
    assert TopEdges(3).choose(scores).notes == ()


def test_where_no_path_reaches_a_threshold_the_best_one_is_kept_and_said(edge_scores_of):
    scores = edge_scores_of({"a0.h0->logits": 3.0, "input->a0.h0<v>": 1.0, "input->logits": 0.5})
    assert names(Threshold(1.0).choose(scores)) == ["input->a0.h0<v>", "a0.h0->logits"]
    for minimum, n_chosen in ((2.0, 1), (9.0, 0)):
        selected = Threshold(minimum).choose(scores)
        assert names(selected) == ["input->a0.h0<v>", "a0.h0->logits"]
        assert selected.notes == (
            f"no path of edges that score {minimum:g} or more leads from input to logits ({n_chosen} such edges): the "
            "best path is kept, whose weakest edge scores 1.",
        )


def test_edges_not_measured_are_never_chosen_but_measured_zeros_may_be(edge_scores_of):
    scores = edge_scores_of({}, unmeasured=("input->logits",))
    everything = TopEdges(scores.wiring.n_edges).choose(scores)
    assert len(everything.edges) == scores.wiring.n_edges - 1
    assert "input->logits" not in names(everything)


def test_threshold_keeps_scores_that_equal_it(edge_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": -0.5, "a0.h0->logits": 0.5, "input->logits": 0.4})
    assert names(Threshold(0.5).choose(scores)) == ["input->a0.h0<v>", "a0.h0->logits"]


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("selection_type", [TopEdges, Greedy])
def test_a_budget_of_all_edges_keeps_all(random_edge_scores, wiring, selection_type):
    selected = selection_type(wiring.n_edges).choose(random_edge_scores(wiring, seed=3))
    assert selected.edges == wiring.edges
    assert selected.mask.all()


@settings(deadline=None, max_examples=40)
@given(which=st.integers(0, len(WIRINGS) - 1), n=st.integers(0, 60), seed=st.integers(0, 99), greedy=st.booleans())
def test_kept_edges_are_in_wiring_order_on_a_path_and_within_the_budget(random_edge_scores, which, n, seed, greedy):
    wiring = WIRINGS[which]
    selected = (Greedy(n) if greedy else TopEdges(n)).choose(random_edge_scores(wiring, seed=seed))
    assert list(selected.edges) == list(wiring.on_a_path(selected.edges))
    assert len(selected.edges) + selected.n_dropped == selected.n_chosen <= n
    assert selected.mask.sum() == len(selected.edges)


def test_top_components_keep_the_edges_among_them(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"a0.h0->a1.h1<k>": 4.0, "a0.h1->a1.h1<k>": 9.0})
    nodes = node_scores_of({"a0.h0": -3.0, "a0.h1": 0.1, "a1.h0": 0.2, "a1.h1": 2.0})
    selected = TopComponents(2).choose(scores, nodes)
    assert {str(e.source) for e in selected.edges} == {"input", "a0.h0", "a1.h1"}
    assert {str(e.target) for e in selected.edges} == {"a0.h0", "a1.h1", "logits"}
    # input to 2 heads x 3 ports and to logits, a0.h0 to 3 ports of a1.h1, both heads to logits
    assert len(selected.edges) == 6 + 1 + 3 + 2


def test_a_chosen_component_without_kept_edges_is_named_with_the_reason(edge_scores_of, node_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": 4.0, "a0.h0->logits": 3.0})
    nodes = node_scores_of({"a0.h0": 3.0, "a1.h1": 2.0})
    selected = TopComponents(2, n_edges=2).choose(scores, nodes)
    assert names(selected) == ["input->a0.h0<v>", "a0.h0->logits"]
    assert selected.left_out == {"a1.h1": "chosen by its score, but no kept edges connect it to input and logits"}


def test_component_threshold_counts_a_negative_effect_as_strong(edge_scores_of, node_scores_of):
    nodes = node_scores_of({"a0.h0": -3.0, "a0.h1": 0.5, "a1.h0": 1.0})
    selected = ComponentThreshold(1.0).choose(edge_scores_of({}), nodes)
    assert {str(e.source) for e in selected.edges} == {"input", "a0.h0", "a1.h0"}


def test_components_chosen_in_a_grouped_model_bring_their_key_value_head(edge_scores_of, node_scores_of):
    wiring = Wiring(n_layers=1, n_heads=4, n_kv_heads=2, has_mlps=False)
    nodes = node_scores_of({"a0.h3": 1.0, "a0.h0": 0.1}, wiring=wiring)
    selected = TopComponents(1).choose(edge_scores_of({}, wiring=wiring), nodes)
    assert names(selected) == [
        "input->a0.h3<q>",
        "input->a0.kv1<k>",
        "input->a0.kv1<v>",
        "input->logits",
        "a0.h3->logits",
    ]


def test_component_selection_without_component_scores_says_what_to_give(edge_scores_of):
    with pytest.raises(ValueError, match="Give `node_scores`"):
        TopComponents(2).choose(edge_scores_of({}))


def test_component_selection_of_residual_scores_says_what_to_measure(edge_scores_of, node_scores_of):
    with pytest.raises(ValueError, match=r"these are of attention, residual at 'all'. Measure heads and MLPs"):
        TopComponents(2).choose(edge_scores_of({}), node_scores_of({"a0": 1.0, "r1": 2.0}))


def test_components_not_measured_are_not_chosen(edge_scores_of, node_scores_of):
    nodes = node_scores_of({"a0.h0": 1.0}, unmeasured=("a1.h0",))
    selected = TopComponents(2).choose(edge_scores_of({}), nodes)
    assert {str(e.source) for e in selected.edges} == {"input", "a0.h0"}


def test_several_positions_without_a_choice_are_refused(node_scores_of):
    one = node_scores_of({"a0.h0": 1.0})
    two = replace(
        one, positions=("IO", "END"), per_prompt=one.per_prompt.repeat(2, 1), measured=one.measured.repeat(2, 1)
    )
    with pytest.raises(ValueError, match=r"2 positions \(IO, END\).*Set `position`"):
        means_at(two)
    assert means_at(two, "END").position == "END"


# Ties: what scores the same as the weakest that was chosen, and was not chosen

TIED = {"input->logits": 3.0, "input->a0.h0<v>": 1.0, "a0.h0->logits": -1.0, "input->a1.h0<v>": 1.0 + 1e-9}


@pytest.mark.parametrize(
    ("selection", "tied_out"),
    [
        (TopEdges(1), {}),
        (TopEdges(2), {"edges": 2}),
        (TopEdges(3), {"edges": 1}),
        (TopEdges(4), {}),
        (TopEdges(2, absolute=False), {"edges": 1}),  # the negative one is no tie then
        (TopEdges(5), {"edges": TINY.n_edges - 5}),  # all others score 0
        (TopEdges(TINY.n_edges), {}),
        (TopEdges(0), {}),
        (Threshold(1.0), {}),
    ],
)
def test_edges_tied_with_the_weakest_chosen_one_are_counted(edge_scores_of, selection, tied_out):
    selected = selection.choose(edge_scores_of(TIED))
    assert dict(selected.tied_out) == tied_out


def test_an_edge_that_was_not_measured_is_no_tie(edge_scores_of):
    scores = edge_scores_of(
        {"input->logits": 1.0}, unmeasured=[str(e) for e in TINY.edges if str(e) != "input->logits"]
    )
    assert TopEdges(1).choose(scores).tied_out == {}


def test_components_tied_with_the_weakest_chosen_one_are_counted(edge_scores_of, node_scores_of):
    nodes = node_scores_of({"a0.h0": 2.0, "a0.h1": 1.0, "a1.h0": -1.0, "a1.h1": 1.0})
    counted = [dict(TopComponents(n).choose(edge_scores_of({}), nodes).tied_out) for n in (1, 2, 3, 4)]
    assert counted == [{}, {"components": 2}, {"components": 1}, {}]
    assert ComponentThreshold(1.0).choose(edge_scores_of({}), nodes).tied_out == {}


def test_ties_among_the_edges_between_chosen_components_are_counted(edge_scores_of, node_scores_of):
    edges = edge_scores_of({"input->a0.h0<v>": 1.0, "input->a0.h0<q>": 1.0, "a0.h0->logits": 2.0, "a0.h1->logits": 2.0})
    nodes = node_scores_of({"a0.h0": 2.0, "a0.h1": 1.0})
    for selection in (TopComponents(1, n_edges=2), ComponentThreshold(1.5, n_edges=2, keeps_unscored=False)):
        assert selection.choose(edges, nodes).tied_out == {"edges": 1}


@given(seed=st.integers(0, 99), n=st.integers(1, 29))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_model_decides_where_ties_are_counted_and_nowhere_else(edge_scores_of, seed, n):
    """Turned round, the same scores choose other edges where a cut goes through a tie."""
    drawn = np.random.default_rng(seed).integers(0, 4, TINY.n_edges).astype(float)
    scores = edge_scores_of({str(edge): score for edge, score in zip(TINY.edges, drawn, strict=True)})
    first = np.argsort(-drawn, kind="stable")[:n]
    last = np.lexsort((-np.arange(len(drawn)), -drawn))[:n]
    selected = TopEdges(n).choose(scores)
    assert selected.notes or bool(selected.tied_out) == (set(first) != set(last))


def test_a_circuit_keeps_how_many_were_tied_out(edge_scores_of):
    circuit = CircuitGraph.from_scores(edge_scores_of(TIED), TopEdges(2))
    assert circuit.tied_out == {"edges": 2}
    assert JsonExport().from_bytes(JsonExport().to_bytes(circuit)) == circuit


def test_every_selection_survives_its_description():
    assert {selection.name for selection in EVERY_SELECTION} == set(SELECTIONS)
    assert [selection_from(describe(selection)) for selection in EVERY_SELECTION] == list(EVERY_SELECTION)


def test_a_selection_described_by_an_earlier_version_is_read(random_edge_scores):
    """Earlier versions wrote the setting `position` as `place`; a circuit's file keeps it."""
    selection = TopComponents(4, position="END")
    former = {"place" if key == "position" else key: value for key, value in describe(selection).items()}
    assert selection_from(former) == selection
    circuit = CircuitGraph.from_scores(random_edge_scores(TINY, seed=1), TopEdges(9))
    document = {**circuit_document(circuit), "selection": former}
    graph = JsonExport().from_bytes(json.dumps(document).encode())
    assert isinstance(graph, CircuitGraph)
    assert graph.selection == describe(selection)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"name": "top-edge", "n": 3}, "no selection 'top-edge'. Known: .* Did you mean 'top-edges'?"),
        ({"name": "threshold", "minimun": 3}, "no setting 'minimun'.*Did you mean 'minimum'?"),
        ({"name": "greedy"}, "greedy needs more settings"),
        ({"name": "top-edges", "n": -1}, "n=-1 is not a number of edges"),
        ({"name": "top-edges", "n": 2.5}, "n=2.5 is not a number of edges"),
        ({"name": "threshold", "minimum": float("nan")}, "minimum=nan"),
    ],
)
def test_bad_selections_are_refused_with_the_remedy(description, message):
    with pytest.raises(ValueError, match=message):
        selection_from(description)


def test_input_and_logits_need_no_score_of_their_own(edge_scores_of, node_scores_of):
    selected = TopComponents(0).choose(edge_scores_of({}), node_scores_of({"a0.h0": 1.0}))
    assert [(e.source, e.reader) for e in selected.edges] == [(INPUT, Reader(LOGITS))]


def test_mlps_stay_where_only_heads_were_scored():
    """Two layers of two heads with MLPs; only heads were scored, a0.h0 highest: both MLPs stay in."""
    wiring = Wiring(2, 2, 2)
    source = Provenance("path-patching", {}, "logit-difference", "tiny", "f", "task", "p")
    edges = EdgeScores(wiring, np.ones((1, wiring.n_edges)), np.ones(wiring.n_edges, dtype=bool), source)
    heads = tuple(Component("head", layer, index) for layer in range(2) for index in range(2))
    scores = np.array([[[3.0, 0.1, 0.2, 0.1]]])
    nodes = ComponentScores(wiring, heads, ("all",), scores, np.ones(scores.shape, dtype=bool), source)
    selected = TopComponents(1).choose(edges, nodes)
    present = {str(part) for edge in selected.edges for part in (edge.source, edge.target)}
    assert present == {"input", "a0.h0", "m0", "m1", "logits"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(WIRINGS) - 1), st.integers(0, 2**31), st.floats(0.2, 0.9), st.data())
def test_of_few_measured_edges_a_grown_circuit_has_those_that_lie_on_a_path(
    random_edge_scores, which, seed, share, data
):
    wiring = WIRINGS[which]
    is_measured = np.random.default_rng(seed).random(wiring.n_edges) < share
    scores = replace(random_edge_scores(wiring, seed=seed), measured=is_measured)
    possible = list(wiring.on_a_path(wiring.edges[n] for n in np.flatnonzero(is_measured)))
    assert list(Grown(wiring.n_edges).choose(scores).edges) == possible
    n = data.draw(st.integers(0, len(possible)))
    some = Grown(n).choose(scores)
    assert list(wiring.on_a_path(some.edges)) == list(some.edges)
    # Where the shortest path has more, it is the circuit, and a note says so.
    assert some.n_edges <= n or "no path from input to logits has fewer" in some.size_note


def test_supporting_edges_come_first_where_the_sign_counts(edge_scores_of):
    scores = edge_scores_of(
        {"input->a0.h0<v>": -5.0, "a0.h0->logits": -5.0, "input->a0.h1<v>": 1.0, "a0.h1->logits": 1.0}
    )
    assert names(Grown(2).choose(scores)) == ["input->a0.h0<v>", "a0.h0->logits"]
    assert names(Grown(2, absolute=False).choose(scores)) == ["input->a0.h1<v>", "a0.h1->logits"]
