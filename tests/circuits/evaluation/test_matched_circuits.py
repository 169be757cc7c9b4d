"""Circuits renamed head by head keep everything but which heads they use."""

from collections import Counter

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.evaluation.matched_circuits import at_heads, matched_circuits, renamed_edges
from circuits.masks import Parts, pruned, random_circuits

WIRINGS = {
    "plain": Wiring(n_layers=3, n_heads=4, n_kv_heads=4),
    "grouped": Wiring(n_layers=3, n_heads=4, n_kv_heads=2),
    "parallel": Wiring(n_layers=2, n_heads=3, n_kv_heads=3, is_parallel=True),
    "joined": Wiring(n_layers=3, n_heads=1, n_kv_heads=1, joins_heads=True),
}


def circuit_of(wiring: Wiring, n_edges: int = 14, seed: int = 0) -> np.ndarray:
    empty = np.zeros(wiring.n_edges, dtype=bool)
    empty[np.random.default_rng(seed).choice(wiring.n_edges, min(n_edges, wiring.n_edges), replace=False)] = True
    return random_circuits(wiring, pruned(wiring, empty | (np.arange(wiring.n_edges) % 3 == 0)), n=1, seed=seed)[0]


def sorts(wiring: Wiring, circuit: np.ndarray) -> Counter:
    """How many edges there are of each kind and layer at both ends, and port."""
    edges = [wiring.edges[number] for number in np.flatnonzero(circuit)]
    return Counter((e.source.kind, e.source.layer, e.target.kind, e.target.layer, e.port) for e in edges)


@pytest.mark.parametrize("name", WIRINGS)
def test_what_has_no_head_is_never_renamed(name):
    wiring = WIRINGS[name]
    for n_parts in (wiring.n_edges, len(wiring.writers)):
        stays = ~at_heads(wiring, n_parts)
        assert (matched_circuits(wiring, stays, n=6, seed=1) == stays).all()
        if wiring.n_heads > 1:
            changed = matched_circuits(wiring, ~stays, n=20, seed=1) & stays
            assert stays.any()
            assert not changed.any()
    heads = {str(wiring.writers[number]) for number in np.flatnonzero(at_heads(wiring, len(wiring.writers)))}
    assert heads == {str(head) for head in wiring.writers if head.is_head}


@pytest.mark.parametrize("name", WIRINGS)
def test_a_renamed_circuit_has_the_same_sorts_of_edges_and_no_dead_end(name):
    wiring = WIRINGS[name]
    circuit = circuit_of(wiring)
    assert circuit.any()
    for drawn in matched_circuits(wiring, circuit, n=6, seed=1):
        assert sorts(wiring, drawn) == sorts(wiring, circuit)
        assert (pruned(wiring, drawn) == drawn).all()
        # As many edges leave and enter its parts, whichever they are.
        degrees = [Counter(Counter(e.source for e in edges).values()) for edges in _edges(wiring, drawn, circuit)]
        assert degrees[0] == degrees[1]


def _edges(wiring: Wiring, *circuits: np.ndarray) -> list[list]:
    return [[wiring.edges[number] for number in np.flatnonzero(circuit)] for circuit in circuits]


def test_heads_that_share_keys_are_renamed_together():
    wiring = WIRINGS["grouped"]
    orders = np.array([[0, 1, 2, 3], [2, 3, 0, 1], [1, 0, 2, 3]])
    numbers = renamed_edges(wiring, orders)
    names = [str(edge) for edge in wiring.edges]
    renamed = {names[old]: names[new] for old, new in enumerate(numbers)}
    assert renamed["a0.h1->a1.kv0<k>"] == "a0.h1->a1.kv1<k>"
    assert renamed["a0.h0->a1.h1<q>"] == "a0.h0->a1.h3<q>"
    assert renamed["a1.h0->a2.h0<q>"] == "a1.h2->a2.h1<q>"
    assert renamed["a1.h0->a2.kv0<v>"] == "a1.h2->a2.kv0<v>"
    assert renamed["m1->logits"] == "m1->logits"
    assert sorted(numbers) == list(range(wiring.n_edges))


def test_components_are_renamed_as_edges_are():
    wiring = WIRINGS["plain"]
    circuit = circuit_of(wiring)
    of_edges = matched_circuits(wiring, circuit, n=5, seed=3)
    parts = Parts.edges(wiring)
    writers = np.zeros(len(wiring.writers), dtype=bool)
    writers[[0, *parts.members(circuit)]] = True
    of_writers = matched_circuits(wiring, writers, n=5, seed=3)
    for edges, components in zip(of_edges, of_writers, strict=True):
        assert list(parts.members(edges)) == list(np.flatnonzero(components[1:]) + 1)


def test_every_head_of_a_layer_comes_up_about_as_often():
    wiring = WIRINGS["plain"]
    circuit = np.zeros(len(wiring.writers), dtype=bool)
    circuit[[0, 1]] = True
    shares = matched_circuits(wiring, circuit, n=2000, seed=0)[:, 1:5].mean(axis=0)
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 2000)
