"""Backward elimination on made-up bounds, where what must stay is known, and runs that are counted and resumed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Wiring
from circuits.evaluation.bounds import BOUNDS, MeanBound, PerPromptBound
from circuits.evaluation.counted_runs import CountedRuns, KeptRuns, PausedError
from circuits.evaluation.elimination import smaller_circuits
from circuits.evaluation.faithfulness import Baseline
from circuits.evaluation.minimal_search import MinimalSearch, Minimum, search_minimum
from circuits.masks import endpoints, pruned

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
N = WIRING.n_edges
BASELINE = Baseline(np.ones(2), np.zeros(2), None)
SEARCH = MinimalSearch(PerPromptBound(0.5))


def a_circuit(seed: int, share: float = 0.2) -> np.ndarray:
    """A random circuit without dead ends, never empty: a share of all edges, and half of those at either end."""
    draw = np.random.default_rng(seed)
    source, target = endpoints(WIRING)
    at_an_end = (source == 0) | (target == len(WIRING.readers) - 1)
    chosen = draw.random(N) < np.where(at_an_end, 0.5, share)
    chosen[WIRING.edge_offsets[-2]] = True  # input->logits
    return pruned(WIRING, chosen)


def keeps_one_of(*needed: np.ndarray):
    """The whole effect where a circuit holds all edges of one of `needed`, else nothing."""

    def run(circuits: np.ndarray) -> np.ndarray:
        holds = np.any([(circuits | ~one).all(axis=1) for one in needed], axis=0)
        return np.repeat(holds[:, None], 2, axis=1).astype(float)

    return run


def searched(run, *, order=None, search=SEARCH) -> tuple[Minimum, CountedRuns]:
    runs = CountedRuns(WIRING, run, BASELINE)
    return search_minimum(runs, (np.ones(N, bool),), np.arange(N) if order is None else order, search), runs


seeds = st.integers(0, 10_000)


@settings(deadline=None, max_examples=8)
@given(seed=seeds, share=st.floats(0, 0.4))
def test_exactly_the_edges_that_are_needed_are_left_in_any_order(seed, share):
    needed = a_circuit(seed, share)
    found, runs = searched(keeps_one_of(needed), order=np.random.default_rng(seed + 1).permutation(N))
    np.testing.assert_array_equal(found.circuit, needed)
    assert found.certificate.holds
    assert found.others == ()
    k = int(needed.sum())
    assert found.n_runs <= 1.5 * (k * np.log2(2 * N / k) + 2 * k)
    assert found.n_runs + found.n_other_runs == runs.n_asked


@settings(deadline=None, max_examples=8)
@given(seed=seeds, share=st.floats(0, 0.4))
def test_where_one_of_two_circuits_is_needed_the_smaller_one_is_found_or_both(seed, share):
    first, second = a_circuit(seed, share), a_circuit(seed + 1, share)
    found, _ = searched(keeps_one_of(first, second), order=np.random.default_rng(seed).permutation(N))
    sizes = sorted({circuit.tobytes(): int(circuit.sum()) for circuit in (first, second)}.values())
    assert found.circuit.sum() == sizes[0]
    assert found.certificate.holds
    # One that holds the other is never minimal.
    assert len(found.others) == (len(sizes) == 2 and sizes[0] == sizes[1])


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_no_single_edge_can_go_whatever_the_bound_is(seed):
    """Verdicts by lot: circuits within the bound are not closed under anything."""

    def run(circuits: np.ndarray) -> np.ndarray:
        lots = [np.random.default_rng([seed, *np.packbits(circuit)]).random() for circuit in circuits]
        return np.repeat(np.array(lots)[:, None], 2, axis=1)

    found, runs = searched(run)
    assert found.certificate.holds
    without = [found.circuit & (np.arange(N) != number) for number in np.flatnonzero(found.circuit)]
    assert not SEARCH.bound.accepts(runs.values(np.array(without)), BASELINE).any()


def test_the_weakest_edges_go_first():
    first, second = a_circuit(3), a_circuit(5)
    run = keeps_one_of(first, second)
    for kept, gone in ((first, second), (second, first)):
        order = np.argsort(kept.astype(int) - (gone & ~kept), kind="stable")
        circuits = list(smaller_circuits(WIRING, np.ones(N, bool), order, lambda circuits: run(circuits)[:, 0] > 0))
        np.testing.assert_array_equal(circuits[-1], kept)
        assert all((later <= earlier).all() for earlier, later in pairwise(circuits))


def test_a_smaller_circuit_to_begin_with_is_taken_where_it_leads_to_less():
    """Weakest first, the whole model leads to the larger of two; the smaller one, given as well, is certified too."""
    larger, smaller = a_circuit(0, 0.4), a_circuit(1, 0.05)
    assert smaller.sum() < larger.sum()
    runs = CountedRuns(WIRING, keeps_one_of(larger, smaller), BASELINE)
    order, search = np.argsort(larger, kind="stable"), MinimalSearch(SEARCH.bound, other_runs=0)
    whole, unfaithful = np.ones(N, bool), np.zeros(N, bool)
    ends = [search_minimum(runs, (whole, *more), order, search) for more in ((), (unfaithful,), (smaller | ~larger,))]
    for end, expected in zip(ends, (larger, larger, smaller), strict=True):
        np.testing.assert_array_equal(end.circuit, expected)
        assert (end.certificate.holds, end.n_start) == (True, N)


@pytest.mark.parametrize("n_now", [3, 1000])
def test_a_search_in_rounds_finds_the_same_and_runs_nothing_twice(n_now):
    run = keeps_one_of(a_circuit(0), a_circuit(1))
    expected, runs = searched(run)
    ran: list[bytes] = []

    def counted(circuits: np.ndarray) -> np.ndarray:
        ran.extend(circuit.tobytes() for circuit in circuits)
        return run(circuits)

    kept, found, n_rounds = KeptRuns(np.zeros((0, 16), np.uint8), np.zeros((0, 2))), None, 0
    while found is None:
        now, n_rounds = CountedRuns(WIRING, counted, BASELINE, kept=kept, n_now=n_now), n_rounds + 1
        try:
            found = search_minimum(now, (np.ones(N, bool),), np.arange(N), SEARCH)
        except PausedError:
            assert len(now.new.values) == n_now
        kept = KeptRuns(*(np.concatenate(pair) for pair in zip(kept, now.new, strict=True)))
    assert len(ran) == len(set(ran)) == runs.n_asked
    assert n_rounds == -(-len(ran) // n_now)
    np.testing.assert_array_equal(found.circuit, expected.circuit)
    assert (found.n_runs, found.n_other_runs) == (expected.n_runs, expected.n_other_runs)


def test_the_whole_model_the_empty_circuit_and_dead_ends_cost_no_run():
    def run(circuits):
        raise AssertionError("nothing needs to be run")

    runs = CountedRuns(WIRING, run, Baseline(np.array([3.0, 4.0]), np.array([1.0, 2.0]), None))
    dead_end = np.zeros(N, bool)
    dead_end[0] = True
    values = runs.values(np.stack([np.ones(N, bool), np.zeros(N, bool), dead_end]))
    assert values.tolist() == [[3, 4], [1, 2], [1, 2]]
    assert runs.n_asked == 0


def test_looking_for_others_ends_with_its_runs():
    run = keeps_one_of(a_circuit(0))
    whole, _ = searched(run)
    few, _ = searched(run, search=MinimalSearch(SEARCH.bound, other_runs=5))
    assert few.n_other_runs == 5 < whole.n_other_runs
    assert few.n_forbidden < whole.n_forbidden == whole.circuit.sum()
    assert few.certificate.holds


def test_what_takes_few_edges_is_sought_for_every_edge_before_what_takes_more():
    """Six edges do in place of one, which is given up at first; a single one does in place of another."""
    needed = a_circuit(0)
    own, outside = np.flatnonzero(needed), np.flatnonzero(~needed)
    beside = [number for number in outside if pruned(WIRING, needed | (np.arange(N) == number))[number]]
    alone = [number for number in own if pruned(WIRING, needed & (np.arange(N) != number)).sum() == len(own) - 1]
    by_six, by_one = needed.copy(), needed.copy()
    by_six[alone[0]], by_six[beside[:6]] = False, True
    by_one[alone[1]], by_one[beside[6]] = False, True
    circuits = [needed, by_six, by_one]
    assert all((pruned(WIRING, circuit) == circuit).all() for circuit in circuits)
    # With the first one ranked strongest, the search finds it.
    order = np.argsort(needed, kind="stable")
    few, whole = (
        searched(keeps_one_of(*circuits), order=order, search=MinimalSearch(SEARCH.bound, other_runs=n))[0]
        for n in (40, 400)
    )
    for found in (few, whole):
        np.testing.assert_array_equal(found.circuit, needed)
        np.testing.assert_array_equal(found.others, [by_one])
        assert found.n_forbidden == len(own)
    assert (few.n_given_up, whole.n_given_up) == (1, 0)


def test_distances_by_hand():
    """Gaps 4 and 2 of the prompts: mean 3. The first circuit loses 2 of one and gains 1 on the other; the last gains 2
    and 1. With clean and ablated exchanged, and the values mirrored, faithfulness is the same.
    """
    clean, ablated = np.array([4.0, 0.0]), np.array([0.0, -2.0])
    values = np.array([[2.0, 1.0], [4.0, 0.0], [6.0, 1.0]])
    for baseline, shown in ((Baseline(clean, ablated, None), values), (Baseline(-clean, -ablated, None), -values)):
        assert MeanBound(0.2).distances(shown, baseline).tolist() == pytest.approx([0.5 / 3, 0, -0.5])
        assert PerPromptBound(0.2).distances(shown, baseline).tolist() == pytest.approx([2 / 3, 0, 2 / 3])
        assert MeanBound(0.2).accepts(shown, baseline).tolist() == [True, True, True]
        assert PerPromptBound(0.2).accepts(shown, baseline).tolist() == [False, True, False]


@pytest.mark.parametrize("bound", BOUNDS.values())
@pytest.mark.parametrize("tolerance", [0, 1, -0.1])
def test_a_tolerance_that_bounds_nothing_is_refused(bound, tolerance):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        bound(tolerance)
