"""Every null: exact numbers by hand, p-values that are uniform under it, and what it says where it cannot tell."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from circuits.components import Wiring
from graphs.comparison.level import Level, Signed
from graphs.comparison.levels import edge_strata
from graphs.comparison.null import drawn_within, independent_sum
from graphs.comparison.nulls import NULLS, chances
from graphs.comparison.nulls.generic_edges import generic_probabilities, shared_by_chance
from graphs.comparison.nulls.rewired import rewired
from tests.graphs.comparison.test_measures import FIRST_TEN, SIX_TO_FIFTEEN, level

WIRING = Wiring(n_layers=3, n_heads=4, n_kv_heads=2)
LAYERS, PORTS = edge_strata(WIRING)


def of_edges(in_a, in_b, **more):
    return Level("edges", in_a, in_b, LAYERS, str, ports=PORTS, wiring=WIRING, **more)


def said(level, null, samples=49, seed=0):
    return {chance.measure: chance for chance in NULLS[null].chances(level, samples, seed)}


def random_edges(draw, n=40):
    mask = np.zeros(WIRING.n_edges, dtype=bool)
    mask[draw.choice(WIRING.n_edges, n, replace=False)] = True
    return mask


def uniform_p(p_values, ties):
    """The p-value that these are uniform: those of counts are spread evenly over the probability of a tie."""
    draw = np.random.default_rng(9)
    return stats.kstest(np.array(p_values) - draw.random(len(p_values)) * np.array(ties), "uniform").pvalue


def test_ten_and_ten_of_a_hundred_that_share_five():
    chance = said(level(FIRST_TEN, SIX_TO_FIFTEEN), "uniform")["iou"]
    assert chance.p_value == pytest.approx(6.72e-4, rel=1e-3)
    assert chance.p_value == pytest.approx(stats.hypergeom.sf(4, 100, 10, 10))  # at least five, not more than five
    assert drawn_within(np.zeros(100, dtype=np.int64), FIRST_TEN, SIX_TO_FIFTEEN).mean == pytest.approx(1)


def test_sums_of_independent_things_are_those_of_listing_them():
    probabilities = np.array([0.1, 0.5, 0.9])
    exact = np.convolve(np.convolve([0.9, 0.1], [0.5, 0.5]), np.convolve([0.1, 0.9], [0.1, 0.9]))
    found = independent_sum(np.array([1, 1, 2]), probabilities)
    assert found.probabilities == pytest.approx(exact)


def test_circuits_that_fill_their_layers_say_nothing():
    full = PORTS < 12
    for null in ("within layer", "within ports"):
        chance = said(replace(of_edges(full, full), layers=PORTS), null)["iou"]
        assert (chance.value, chance.p_value, chance.can_tell) == (1, pytest.approx(1), False)
    assert said(of_edges(full, full), "uniform")["iou"].can_tell


def test_rewired_circuits_keep_degrees_and_order():
    circuit = random_edges(np.random.default_rng(0))
    edges = np.array([(WIRING.writer_index(e.source), WIRING.reader_index(e.reader)) for e in WIRING.edges])
    degrees = [np.bincount(side) for side in edges[circuit].T]
    circuits = rewired(WIRING, circuit, 20, seed=1)
    for numbers in circuits:
        assert len(set(numbers.tolist())) == circuit.sum()
        for side, degree in zip(edges[numbers].T, degrees, strict=True):
            assert (np.bincount(side) == degree).all()
    assert len({tuple(sorted(numbers)) for numbers in circuits}) > 15


def test_a_circuit_that_no_swap_changes_says_nothing():
    lone = np.zeros(WIRING.n_edges, dtype=bool)
    lone[[0]] = True
    chance = said(of_edges(lone, lone), "rewired")["iou"]
    assert (chance.p_value, chance.can_tell) == (1, False)


def test_it_makes_no_difference_which_circuit_comes_first():
    draw = np.random.default_rng(3)
    a, b = random_edges(draw, 30), random_edges(draw, 50)
    others = np.stack([random_edges(draw) for _ in range(3)])
    for null in ("uniform", "within layer", "within ports", "rewired", "generic", "beyond common"):
        one, other = (said(of_edges(*pair, others=others), null)["iou"] for pair in ((a, b), (b, a)))
        assert (one.value, one.p_value, one.expected) == pytest.approx((other.value, other.p_value, other.expected))


def test_generic_probabilities_follow_the_other_runs_and_the_size():
    others = np.array([[True, True, False, False, False], [True, False, False, False, False]])
    found = generic_probabilities(others, 2)
    assert found.sum() == pytest.approx(2)
    assert found[0] > found[1] > found[2] == found[3] == found[4] > 0
    # odds before: (2 + 3/10) / 3, (1 + 3/10) / 3 and 1/10 of three; all scaled alike
    odds = found / (1 - found)
    before = np.array([2.3, 1.3, 0.3, 0.3, 0.3]) / 3
    assert odds / odds[0] == pytest.approx((before / (1 - before)) / (before[0] / (1 - before[0])))


def test_what_all_runs_share_is_left_out():
    a, b, c = (np.arange(10) < 4), np.isin(np.arange(10), [0, 1, 5, 6]), np.isin(np.arange(10), [0, 1, 8])
    chance = said(level(a, b, others=c[None]), "beyond common")["iou"]
    assert chance.value == 0
    # 2 and 2 of the 8 others
    assert chance.expected == pytest.approx(12 / 28 / 3 + 1 / 28)
    assert said(level(a, b), "beyond common") == said(level(a, b), "generic") == {}


def test_scores_change_places_only_within_their_stratum():
    scores, every = np.array([1.0, 1.0, 5.0, 5.0]), np.ones(4, dtype=bool)
    given = Level("heads", every, every, np.array([0, 0, 1, 1]), str, scores=Signed(scores, scores, every, ("", "")))
    chance = said(given, "permuted scores")["cosine"]
    assert (chance.expected, chance.p_value, chance.can_tell) == (pytest.approx(1), 1, False)


@pytest.mark.parametrize("null", ["uniform", "within layer", "within ports", "beyond common"])
def test_p_values_of_counts_are_uniform(null):
    draw, found, ties = np.random.default_rng(5), [], []
    strata = {"uniform": np.zeros_like(PORTS), "within layer": LAYERS}.get(null, PORTS)
    a, other = random_edges(draw, 60), random_edges(draw, 60)
    for _ in range(150):
        b = np.zeros_like(a)
        places = np.argsort(strata, kind="stable")
        b[places] = a[np.lexsort((draw.random(len(a)), strata))]
        (chance,) = NULLS[null].chances(of_edges(a, b, others=(other & ~a)[None]), 0, 0)
        found.append(chance.p_value)
        null_of = drawn_within(strata, a, b)
        ties.append(null_of.at_least(int((a & b).sum())) - null_of.at_least(int((a & b).sum()) + 1))
    assert uniform_p(found, ties) > 0.01


def test_p_values_of_generic_edges_are_uniform():
    draw, found, ties = np.random.default_rng(6), [], []
    others = np.stack([random_edges(draw, 60) for _ in range(3)])
    probabilities = [generic_probabilities(others, n) for n in (50, 80)]
    distribution = shared_by_chance(*probabilities)
    for _ in range(150):
        n_shared = int(np.logical_and(*(draw.random(len(each)) < each for each in probabilities)).sum())
        found.append(distribution.at_least(n_shared))
        ties.append(found[-1] - distribution.at_least(n_shared + 1))
    assert uniform_p(found, ties) > 0.01


def test_p_values_of_rewired_circuits_are_uniform():
    draw, found, ties = np.random.default_rng(7), [], []
    kept, start = random_edges(draw, 60), random_edges(draw, 16)
    for seed, numbers in enumerate(rewired(WIRING, start, 80, seed=99)):
        circuit = np.zeros_like(start)
        circuit[numbers] = True
        drawn = [int(kept[each].sum()) for each in rewired(WIRING, circuit, 19, seed=seed)]
        observed = int((circuit & kept).sum())
        found.append((1 + sum(each >= observed for each in drawn)) / 20)
        ties.append((1 + sum(each == observed for each in drawn)) / 20)
    assert uniform_p(found, ties) > 0.01


def test_p_values_of_permuted_scores_are_uniform():
    draw, found = np.random.default_rng(8), {}
    everything = np.ones(40, dtype=bool)
    for seed in range(120):
        a, b = draw.standard_normal((2, 40))
        for measure, chance in said(level(everything, everything, a, b), "permuted scores", 19, seed).items():
            found.setdefault(measure, []).append(chance.p_value)
    assert set(found) == {"weighted_jaccard", "cosine", "spearman", "rank_biased_overlap"}
    for p_values in found.values():
        assert uniform_p(p_values, np.full(120, 1 / 20)) > 0.01


def test_every_null_speaks_of_some_level():
    draw = np.random.default_rng(4)
    a, b, other = (random_edges(draw) for _ in range(3))
    first, second = draw.standard_normal((2, WIRING.n_edges))
    scores = Signed(first, second, np.ones(WIRING.n_edges, dtype=bool), ("", ""))
    found = chances(of_edges(a, b, others=other[None], scores=scores), samples=9)
    assert {chance.null for chance in found} == set(NULLS)
    assert all(0 < chance.p_value <= 1 for chance in found)
