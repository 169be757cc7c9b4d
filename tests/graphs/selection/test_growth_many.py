from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring
from graphs import Greedy, Grown
from graphs.selection import growth_many
from graphs.selection.growth import grow
from graphs.selection.growth_many import grow_many

WIRINGS = (
    Wiring(n_layers=3, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=3, n_heads=4, n_kv_heads=4, is_parallel=True),
    Wiring(n_layers=3, n_heads=6, n_kv_heads=2, has_mlps=False),
)


def one_by_one(wiring, strength, usable, n):
    orders = np.argsort(-strength, axis=1, kind="stable")
    return np.stack([grow(wiring, order[usable[order]], n) for order in orders])


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 13, 40])
@pytest.mark.parametrize("has_ties", [False, True])
def test_many_circuits_are_those_grown_one_by_one(wiring, n, has_ties, monkeypatch):
    monkeypatch.setattr(growth_many, "_FIRST", 4)  # so that the best edges do not always decide
    draw = np.random.default_rng(n)
    strength = draw.standard_normal((12, wiring.n_edges))
    strength = np.round(strength) if has_ties else strength
    for usable in (np.ones(wiring.n_edges, dtype=bool), draw.random(wiring.n_edges) < 0.9):
        assert (grow_many(wiring, strength, usable, n) == one_by_one(wiring, strength, usable, n)).all()


def test_strong_edges_that_make_no_path_do_not_mislead():
    wiring = WIRINGS[0]
    strength = np.random.default_rng(0).random((5, wiring.n_edges))
    into_logits = np.array([str(edge.target) == "logits" for edge in wiring.edges])
    strength[:, into_logits] -= 10  # the best path ends in the weakest edges of all
    usable = np.ones(wiring.n_edges, dtype=bool)
    circuits = grow_many(wiring, strength, usable, 7)
    assert (circuits == one_by_one(wiring, strength, usable, 7)).all()
    assert (circuits.sum(axis=1) == 7).all()


def test_few_edges_are_ranked_first_and_that_decides_nearly_all(monkeypatch):
    wiring, plainly = Wiring(n_layers=6, n_heads=8, n_kv_heads=8), []
    monkeypatch.setattr(growth_many, "grow", lambda *given: plainly.append(given) or grow(*given))
    rest = np.random.default_rng(1).random((40, wiring.n_edges))
    circuits = grow_many(wiring, rest**4, np.ones(wiring.n_edges, dtype=bool), 60)
    assert (circuits.sum(axis=1) == 60).all()
    assert len(plainly) < 8


@pytest.mark.parametrize("rule", [Grown(8), Grown(8, absolute=False), Greedy(8)])
def test_a_rule_gives_the_circuits_that_it_chooses(rule, random_edge_scores):
    scores = random_edge_scores(WIRINGS[0], seed=3)
    means = np.random.default_rng(4).standard_normal((5, WIRINGS[0].n_edges))
    chosen = [rule.choose(replace(scores, per_prompt=mean[None])).mask for mean in means]
    assert (rule.circuits_of(scores, means) == chosen).all()
    assert rule.circuits_of(scores, means[:0]).shape == (0, WIRINGS[0].n_edges)
