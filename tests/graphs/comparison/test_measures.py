import numpy as np
import pytest

from graphs.comparison.level import Level, Signed
from graphs.comparison.measures import MEASURES, measured
from graphs.comparison.measures.rank_biased_overlap import rank_biased_overlap
from graphs.comparison.measures.spearman import rank_correlation
from graphs.comparison.measures.weighted_jaccard import weighted_jaccard

HUNDRED = np.arange(1, 101)
FIRST_TEN, SIX_TO_FIFTEEN = (HUNDRED <= 10), (HUNDRED >= 6) & (HUNDRED <= 15)
A, B = np.array([4.0, -2.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.5, 0.0])


def level(in_a, in_b, a=None, b=None, measured=None, **more):
    scores = None
    if a is not None and b is not None:
        known = np.ones(len(a), dtype=bool) if measured is None else measured
        scores = Signed(a, b, known, ("scores", "scores"))
    return Level("heads", in_a, in_b, np.zeros(len(in_a), dtype=np.int64), str, scores=scores, **more)


def test_sets_that_share_half():
    found = measured(level(FIRST_TEN, SIX_TO_FIFTEEN))
    assert found == {"iou": 1 / 3, "iom": 0.5, "of_a": 0.5, "of_b": 0.5}


def test_the_smaller_one_within_the_larger():
    found = measured(level(HUNDRED <= 2, FIRST_TEN))
    assert (found["iom"], found["of_a"], found["of_b"], found["iou"]) == (1.0, 1.0, 0.2, 0.2)


def test_signed_scores():
    in_a, in_b = np.array([True, True, False, True]), np.array([True, True, True, True])
    found = measured(level(in_a, in_b, A, B))
    # in shares: 4/7 2/7 1/7 and 4/7 2/7 1/7
    assert found["weighted_jaccard"] == pytest.approx(1)
    assert found["cosine"] == pytest.approx((8 - 2 + 0.5) / np.sqrt(21 * 5.25))
    assert found["spearman"] == pytest.approx(rank_correlation(A, B))
    assert found["sign_agreement"] == pytest.approx(1 / 3)  # the second flips, and 0 agrees with nothing
    assert found["rank_biased_overlap"] == pytest.approx(1)


def test_weighted_jaccard_counts_by_share():
    assert weighted_jaccard(np.array([3.0, 1.0]), np.array([-1.0, 1.0])) == pytest.approx((0.5 + 0.25) / (0.75 + 0.5))


def test_rank_biased_overlap_by_hand():
    a, b = np.array([3.0, 2.0, 1.0]), np.array([2.0, 3.0, 1.0])
    # agreement at depths 1, 2, 3: 0, 1, 1
    assert rank_biased_overlap(a, b, persistence=0.5) == pytest.approx(0.25 + 0.125 + 0.125)
    assert rank_biased_overlap(a, -a) == pytest.approx(1)
    apart = rank_biased_overlap(np.array([1.0, 2.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 2.0]))
    assert apart == 0


def test_nothing_is_measured_of_nothing():
    nothing, zeros = np.zeros(4, dtype=bool), np.zeros(4)
    assert set(measured(level(nothing, nothing, zeros, zeros)).values()) == {None}


def test_what_one_side_did_not_measure_is_left_out():
    everything = np.ones(4, dtype=bool)
    known = np.array([True, False, True, True])
    assert measured(level(everything, everything, A, B, known))["cosine"] == pytest.approx(1)


def test_every_measure_is_the_same_the_other_way_round_but_containment():
    draw = np.random.default_rng(0)
    in_a, in_b, (a, b) = draw.random(40) < 0.3, draw.random(40) < 0.5, draw.standard_normal((2, 40))
    one, other = measured(level(in_a, in_b, a, b)), measured(level(in_b, in_a, b, a))
    other["of_a"], other["of_b"] = other["of_b"], other["of_a"]
    assert one == pytest.approx(other)
    assert set(one) == set(MEASURES)


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if measure.reads == "scores"])
def test_what_a_measure_reads_can_change_places(name):
    draw, measure = np.random.default_rng(1), MEASURES[name]
    a, b = np.round(draw.standard_normal((2, 30)), 4)
    places = draw.permutation(30)
    later = measure.value_of(measure.reading(a), measure.reading(b)[places])
    assert later == pytest.approx(measure.value_of(measure.reading(a), measure.reading(b[places])))
