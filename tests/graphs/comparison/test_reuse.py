from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopComponents, TopEdges, compare, reuse
from graphs.comparison.head_scores import part_scores
from graphs.comparison.measures.spearman import rank_correlation
from graphs.comparison.null import overlap_distribution
from graphs.comparison.overlap import overlap

FOUR_BY_TWO = Wiring(n_layers=2, n_heads=4, n_kv_heads=4, has_mlps=False)
HEADS = {f"a{layer}.h{index}": layer for layer in range(2) for index in range(4)}


def circuit_of_heads(*heads, wiring=FOUR_BY_TWO):
    """Each head reads the input's values and writes to the logits."""
    ports = [Edge.parse(f"input->{head}<v>") for head in heads]
    return CircuitGraph.from_edges(wiring, [*ports, *(Edge.parse(f"{head}->logits") for head in heads)])


def test_sharing_both_of_two_heads_in_a_layer_of_four_has_p_one_sixth():
    head_overlap = reuse(circuit_of_heads("a0.h0", "a0.h1"), circuit_of_heads("a0.h0", "a0.h1")).heads
    # 1 of the comb(4, 2) = 6 draws shares both; 4 share one; 1 shares none
    assert head_overlap.p_value == pytest.approx(1 / 6)
    assert head_overlap.expected == pytest.approx(1.0)
    assert head_overlap.expected_iou == pytest.approx(1 / 6 * 0 + 4 / 6 * (1 / 3) + 1 / 6 * 1)


def test_heads_in_different_layers_are_not_expected_to_overlap():
    head_overlap = reuse(circuit_of_heads("a0.h0", "a0.h1"), circuit_of_heads("a1.h0")).heads
    assert (head_overlap.expected, head_overlap.expected_iou, head_overlap.p_value) == (0.0, 0.0, 1.0)


def test_iou_and_containment_count_what_they_say():
    head_overlap = reuse(circuit_of_heads("a0.h0", "a0.h1", "a1.h3"), circuit_of_heads("a0.h1", "a1.h3")).heads
    assert head_overlap.shared == ("a0.h1", "a1.h3")
    assert (head_overlap.iou, head_overlap.of_a, head_overlap.of_b) == (2 / 3, 2 / 3, 1.0)


def test_edges_are_shared_port_by_port():
    wiring = FOUR_BY_TWO
    one = CircuitGraph.from_edges(wiring, [Edge.parse(n) for n in ("input->a0.h0<q>", "a0.h0->logits")])
    other = CircuitGraph.from_edges(wiring, [Edge.parse(n) for n in ("input->a0.h0<k>", "a0.h0->logits")])
    reused = reuse(one, other)
    assert reused.edges.shared == ("a0.h0->logits",)
    assert (reused.edges.iou, reused.nodes.iou) == (1 / 3, 1.0)
    # a0.h0->logits is one of four of its sort: shared in a quarter of the draws; the others never
    assert reused.edges.p_value == pytest.approx(1 / 4)


def test_two_empty_circuits_have_no_iou():
    empty = CircuitGraph.from_edges(FOUR_BY_TWO, [])
    head_overlap = reuse(empty, empty).heads
    assert (head_overlap.iou, head_overlap.of_a, head_overlap.expected_iou) == (None, None, None)
    assert head_overlap.p_value == 1.0


@settings(deadline=None, max_examples=40)
@given(
    strata=st.lists(
        st.integers(1, 4).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size), st.integers(0, size))),
        min_size=1,
        max_size=3,
    )
)
def test_the_null_is_that_of_listing_every_draw(strata):
    counts: dict[int, int] = {}
    per_stratum = [
        [len(set(a) & set(b)) for a in combinations(range(size), n_a) for b in combinations(range(size), n_b)]
        for size, n_a, n_b in strata
    ]
    for draws in product(*per_stratum):
        counts[sum(draws)] = counts.get(sum(draws), 0) + 1
    distribution = overlap_distribution(*np.array(strata).T)
    exact = np.array([counts.get(int(n), 0) for n in distribution.counts]) / sum(counts.values())
    assert np.allclose(distribution.probabilities, exact, atol=1e-12)
    assert distribution.mean == pytest.approx(sum(n_a * n_b / size for size, n_a, n_b in strata))


def test_reuse_of_shuffled_circuits_sits_at_its_null():
    generator = np.random.default_rng(0)
    drawn = [
        [f"a{layer}.h{i}" for layer in range(2) for i in generator.permutation(4)[: 1 + layer]] for _ in range(400)
    ]
    overlaps = [overlap(a, b, stratum_of=HEADS) for a, b in zip(drawn[::2], drawn[1::2], strict=True)]
    # expected 1*1/4 + 2*2/4 = 1.25; the standard deviation of one draw is sqrt(3/16 + 1/3), of the mean 0.051
    assert overlaps[0].expected == pytest.approx(1.25)
    assert np.mean([each.n_shared for each in overlaps]) == pytest.approx(1.25, abs=4 * 0.051)


def test_the_null_stays_exact_for_a_million_things():
    distribution = overlap_distribution([1_000_000], [1000], [1000])
    assert distribution.mean == pytest.approx(1.0, rel=1e-6)
    assert distribution.at_least(0) == pytest.approx(1.0)


def test_a_name_that_could_not_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"'a7.h0' is not among the 8 names"):
        overlap(["a7.h0"], [], stratum_of=HEADS)


def test_heads_are_scored_by_their_outgoing_edges_unless_scored_themselves(edge_scores_of, node_scores_of):
    edges = edge_scores_of({"a0.h1->logits": -2.0, "a0.h1->a1.h0<q>": 1.0, "input->a0.h0<q>": 9.0})
    sums = part_scores(edges)  # of the input and four heads, with their sign
    assert sums.values.tolist() == [9.0, 0.0, -1.0, 0.0, 0.0]
    assert sums.are == "signed sums of all outgoing edges (eap)"
    nodes = node_scores_of({"a1.h0": -0.5}, unmeasured=("a0.h0",))
    own = part_scores(edges, nodes)
    assert own.values.tolist() == [0.0, 0.0, 0.0, -0.5, 0.0]
    assert own.measured.tolist() == [False, False, False, True, False]
    assert own.are == "measured effects (activation-patching)"


def test_effects_of_one_side_are_not_compared_with_sums_of_the_other(edge_scores_of, node_scores_of):
    edges, nodes = edge_scores_of({"a0.h1->logits": 1.0, "a0.h0->logits": 2.0}), node_scores_of({"a0.h0": 1.0})
    graph = CircuitGraph.from_scores(edges, TopEdges(29))
    sums, own, mixed = (
        reuse(graph, graph, scores=(edges, edges), node_scores=given, resamples=0).heads
        for given in ((None, None), (nodes, nodes), (nodes, None))
    )
    assert sums.scores_are == ("signed sums of all outgoing edges (eap)",) * 2
    assert own.scores_are == ("measured effects (activation-patching)",) * 2
    assert (mixed.scores_are, mixed.measures["iou"], "cosine" in mixed.measures) == (None, 1.0, False)


def test_rank_correlation_of_reversed_scores_is_minus_one_and_of_constant_ones_undefined():
    values = np.array([1.0, 5.0, 2.0])
    assert rank_correlation(values, -values) == pytest.approx(-1.0)
    assert rank_correlation(values, np.zeros(3)) is None


def test_identical_scores_correlate_fully_and_overlap_at_every_threshold(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=1)
    graph = CircuitGraph.from_scores(scores, Greedy(20))
    reused = reuse(graph, graph, scores=(scores, scores), resamples=20)
    assert reused.edge_rank_correlation == pytest.approx(1.0)
    assert reused.head_rank_correlation == pytest.approx(1.0)
    assert {point.iou for point in reused.sweep} == {1.0}


def test_the_sweep_takes_the_strongest_of_both(edge_scores_of):
    a = edge_scores_of({"a0.h0->logits": 3.0, "a0.h1->logits": 2.0})
    b = edge_scores_of({"a0.h0->logits": 2.0, "a1.h1->logits": -4.0})
    graph = CircuitGraph.from_scores(a, TopEdges(29))
    heads = [
        point
        for point in reuse(graph, graph, scores=(a, b), fractions=(0.25, 0.5), resamples=0).sweep
        if point.of == "heads"
    ]
    assert [(point.n, point.n_shared, point.iou) for point in heads] == [(1, 0, 0.0), (2, 1, 1 / 3)]
    assert (heads[1].threshold_a, heads[1].threshold_b) == (2.0, 2.0)
    # a has both heads of layer 0 in its top two, b one of each layer: always exactly one shared
    assert heads[1].expected_iou == pytest.approx(1 / 3)


def test_two_readings_of_the_same_prompts_are_resampled_together(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=4)
    graph = CircuitGraph.from_scores(scores, Greedy(10))
    assert reuse(graph, graph, scores=(scores, scores), resamples=40).heads_interval == (1.0, 1.0)


def test_different_prompts_are_resampled_apart(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=4)
    other = replace(scores, provenance=replace(scores.provenance, prompts_fingerprint="other prompts"))
    graph = CircuitGraph.from_scores(scores, Greedy(10))
    interval = reuse(graph, graph, scores=(scores, other), resamples=40).heads_interval
    assert interval is not None
    assert interval[0] < 1.0


def test_prompts_that_agree_give_an_interval_without_width_and_a_single_one_gives_none(random_edge_scores):
    singles = [random_edge_scores(FOUR_BY_TWO, seed=seed, n_prompts=1) for seed in (4, 5)]
    one, other = (replace(scores, per_prompt=scores.per_prompt.repeat(5, axis=0)) for scores in singles)
    a, b = (CircuitGraph.from_scores(scores, Greedy(20)) for scores in (one, other))
    reused = reuse(a, b, scores=(one, other), resamples=10)
    assert reused.heads_interval == (reused.heads.iou, reused.heads.iou)
    assert reuse(a, b, scores=(singles[0], singles[1]), resamples=10).heads_interval is None


def test_component_circuits_are_selected_anew_from_resampled_component_scores(edge_scores_of, node_scores_of):
    scores, nodes = edge_scores_of({}), node_scores_of({"a0.h0": 1.0, "a0.h1": 0.5})
    scores = replace(scores, per_prompt=scores.per_prompt.repeat(3, axis=0))
    nodes = replace(nodes, per_prompt=nodes.per_prompt.repeat(3, axis=0), measured=nodes.measured.repeat(3, axis=0))
    graph = CircuitGraph.from_scores(scores, TopComponents(1), node_scores=nodes)
    reused = reuse(graph, graph, scores=(scores, scores), node_scores=(nodes, nodes), resamples=5)
    assert reused.heads_interval == (1.0, 1.0)


def test_circuits_listed_by_hand_have_no_interval(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=1)
    graph = circuit_of_heads("a0.h0")
    assert reuse(graph, graph, scores=(scores, scores)).heads_interval is None


def test_reuse_without_scores_leaves_out_what_needs_them():
    graph = circuit_of_heads("a0.h0")
    reused = reuse(graph, graph)
    assert (reused.edge_rank_correlation, reused.heads_interval, reused.sweep) == (None, None, ())


def test_scores_of_another_wiring_are_refused(random_edge_scores):
    scores = random_edge_scores(replace(FOUR_BY_TWO, n_layers=3), seed=1)
    graph = circuit_of_heads("a0.h0")
    with pytest.raises(ValueError, match="give the scores the circuits came from"):
        reuse(graph, graph, scores=(scores, scores))


def test_a_fraction_beyond_one_is_refused(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=1)
    graph = circuit_of_heads("a0.h0")
    with pytest.raises(ValueError, match="fractions lie between 0 and 1"):
        reuse(graph, graph, scores=(scores, scores), fractions=(1.5,))


def test_summary_names_what_the_command_line_reports(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=1)
    graph = CircuitGraph.from_scores(scores, Greedy(20))
    summary = reuse(graph, graph, scores=(scores, scores), resamples=5).summary()
    assert {"shared_heads", "heads_iou", "edges_iou", "rank_correlation", "p_value"} <= summary.keys()
    assert summary["heads_iou"] == 1.0


def test_published_head_sharing_of_25_in_32_is_beyond_chance():
    # 24 layers x 16 heads; 28 and 29 heads sharing 25 leave 32 in either, spread evenly over the layers 8-23
    heads = {f"a{layer}.h{index}": layer for layer in range(24) for index in range(16)}
    shared = [f"a{8 + number % 16}.h{number // 16}" for number in range(25)]
    a = [*shared, *(f"a{8 + number}.h14" for number in range(3))]
    b = [*shared, *(f"a{8 + number}.h15" for number in range(4))]
    head_overlap = overlap(a, b, stratum_of=heads)
    assert head_overlap.iou == 25 / 32
    assert head_overlap.p_value < 1e-20


def test_comparison_is_labeled_by_what_differs(random_edge_scores):
    scores = random_edge_scores(FOUR_BY_TWO, seed=1)
    a = CircuitGraph.from_scores(scores, Greedy(9))
    for about, labels in (
        ({"task": "colored-objects"}, ("ioi", "colored-objects")),
        ({"method": "eap-ig"}, ("ioi, eap", "ioi, eap-ig")),
        ({"model": "early"}, ("ioi, reference", "ioi, early")),
        ({}, ("A", "B")),
    ):
        b = CircuitGraph.from_scores(replace(scores, provenance=replace(scores.provenance, **about)), Greedy(9))
        assert compare(a, b, across_models=True).labels == labels


def test_all_ways_to_draw_are_counted_with_the_layers_sizes():
    # both draw 1 of 3 in each of two layers: shared twice with probability 1/9
    distribution = overlap_distribution([3, 3], [1, 1], [1, 1])
    assert distribution.probabilities.tolist() == pytest.approx([4 / 9, 4 / 9, 1 / 9])
