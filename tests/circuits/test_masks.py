"""Circuits as masks: equal ones are found, and random ones have the size that they should."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.masks import distinct, pruned, random_circuits, random_component_sets, without_unreached

WIRINGS = {
    "plain": Wiring(3, 2, 2),
    "grouped": Wiring(3, 4, 2),
    "parallel": Wiring(3, 2, 2, is_parallel=True),
    "no MLPs": Wiring(3, 3, 3, has_mlps=False),
}
# input, a0.h0, m0; into q, k, v, m0 and logits: eight edges.


@pytest.mark.parametrize(("n_circuits", "n_parts"), [(1, 1), (40, 3), (12, 8), (30, 9), (25, 70)])
def test_distinct_circuits_are_those_of_numpy_in_the_same_order(n_circuits, n_parts):
    circuits = np.random.default_rng(n_parts).random((n_circuits, n_parts)) < 0.5
    circuits[n_circuits // 2 :] = circuits[: n_circuits - n_circuits // 2]
    expected, expected_number_of = np.unique(circuits, axis=0, return_inverse=True)
    for in_memory in (circuits, np.asfortranarray(circuits)):
        different, number_of = distinct(in_memory)
        assert np.array_equal(different, expected)
        assert np.array_equal(number_of, expected_number_of.reshape(-1))


def test_circuits_that_differ_in_their_last_part_alone_are_told_apart():
    circuits = np.zeros((3, 70_651), dtype=np.bool_)
    circuits[1, -1] = True
    different, number_of = distinct(circuits)
    assert different.sum(axis=1).tolist() == [0, 1]
    assert number_of.tolist() == [0, 1, 0]


def test_no_circuits_have_no_distinct_ones():
    different, number_of = distinct(np.zeros((0, 5), dtype=np.bool_))
    assert different.shape == (0, 5)
    assert len(number_of) == 0


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_random_circuits_have_the_size_of_the_circuit_and_no_dead_ends(wiring, share):
    circuit = pruned(wiring, np.random.default_rng(3).random(wiring.n_edges) < share)
    drawn = random_circuits(wiring, circuit, n=20)
    np.testing.assert_array_equal(pruned(wiring, drawn), drawn)
    assert np.abs(drawn.sum(axis=1) - circuit.sum()).max() <= 1
    assert len({row.tobytes() for row in drawn}) == 20
    np.testing.assert_array_equal(random_circuits(wiring, circuit, n=20), drawn)
    assert (random_circuits(wiring, circuit, n=20, seed=1) != drawn).any()


def test_no_prefix_of_the_random_order_comes_closer_in_size(monkeypatch):
    monkeypatch.setattr("circuits.masks._MORE_ORDERS", 0)
    wiring = WIRINGS["plain"]
    circuit = pruned(wiring, np.arange(wiring.n_edges) % 3 == 0)
    ranks = np.random.default_rng(0).permutation(wiring.n_edges)
    sizes = [pruned(wiring, ranks < first).sum() for first in range(wiring.n_edges + 1)]
    n_drawn = random_circuits(wiring, circuit, n=1)[0].sum()
    assert circuit.sum() > 0
    assert abs(n_drawn - circuit.sum()) == min(abs(size - circuit.sum()) for size in sizes)


def test_a_random_circuit_of_all_edges_is_the_whole_model():
    wiring = WIRINGS["grouped"]
    assert random_circuits(wiring, np.ones(wiring.n_edges, dtype=bool), n=3).all()


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_random_circuits_can_be_kept_apart_from_a_circuit(wiring):
    circuit = pruned(wiring, np.random.default_rng(3).random(wiring.n_edges) < 0.3)
    drawn = random_circuits(wiring, circuit, n=20, among=~circuit)
    assert not (drawn & circuit).any()
    np.testing.assert_array_equal(pruned(wiring, drawn), drawn)
    assert np.abs(drawn.sum(axis=1) - circuit.sum()).max() <= 1
    most = pruned(wiring, np.random.default_rng(3).random(wiring.n_edges) < 0.8)
    assert len(random_circuits(wiring, most, n=20, among=~most)) == 0


def test_random_sets_of_components_have_the_size_of_the_circuit():
    circuit = np.array([True, False, True, True, False, False, False])
    drawn = random_component_sets(circuit, n=50)
    assert (drawn[:, 0] & (drawn[:, 1:].sum(axis=1) == 2)).all()
    assert drawn[:, 1:].any(axis=0).all()
    apart = random_component_sets(circuit, n=50, among=~circuit)
    assert not apart[:, circuit][:, 1:].any()
    assert (apart[:, 0] & (apart[:, 1:].sum(axis=1) == 2)).all()
    assert len(random_component_sets(~circuit, n=50, among=circuit)) == 0


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_pruning_many_circuits_at_once_is_keeping_what_lies_on_a_path(wiring):
    shares = np.linspace(0, 0.6, 12)
    circuits = np.random.default_rng(0).random((12, wiring.n_edges)) < shares[:, None]
    kept = pruned(wiring, circuits)
    for circuit, remaining in zip(circuits, kept, strict=True):
        chosen = [wiring.edges[number] for number in np.flatnonzero(circuit)]
        assert [wiring.edges[number] for number in np.flatnonzero(remaining)] == list(wiring.on_a_path(chosen))
        np.testing.assert_array_equal(pruned(wiring, circuit), remaining)
    assert 0 < kept.sum() < circuits.sum()


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_what_no_path_reaches_goes_and_other_dead_ends_stay(wiring):
    circuits = np.random.default_rng(0).random((12, wiring.n_edges)) < np.linspace(0.05, 0.6, 12)[:, None]
    reached = without_unreached(wiring, circuits)
    np.testing.assert_array_equal(pruned(wiring, reached), pruned(wiring, circuits))
    for circuit, kept in zip(circuits, reached, strict=True):
        sources = [edge.source for edge, is_kept in zip(wiring.edges, kept, strict=True) if is_kept]
        leads_on = {wiring.edges[number] for number in np.flatnonzero(circuit)}
        seen, before = {"input"}, 0
        while len(seen) > before:
            before = len(seen)
            seen |= {str(fed) for e in leads_on if str(e.source) in seen for fed in wiring.writers_fed_by(e.target)}
        assert {str(source) for source in sources} <= seen
        assert kept.sum() == sum(str(edge.source) in seen for edge in leads_on)
