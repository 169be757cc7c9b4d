"""The largest sum of scores, against all circuits of a small model."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.masks import pruned
from graphs.selection import Flow, Grown, best_sum

SMALL = Wiring(n_layers=2, n_heads=1, n_kv_heads=1, has_mlps=False)
GROUPED = Wiring(n_layers=1, n_heads=2, n_kv_heads=1)
PARALLEL = Wiring(n_layers=1, n_heads=1, n_kv_heads=1, is_parallel=True)


def all_circuits(wiring):
    """[circuit, edge] every set of edges of which each lies on a path."""
    sets = np.array(list(itertools.product((False, True), repeat=wiring.n_edges)))
    return sets[(pruned(wiring, sets) == sets).all(axis=1) & sets.any(axis=1)]


@pytest.mark.parametrize("wiring", [SMALL, GROUPED, PARALLEL])
@pytest.mark.parametrize("absolute", [True, False])
def test_no_circuit_of_the_size_has_a_larger_sum(random_edge_scores, wiring, absolute):
    circuits = all_circuits(wiring)
    for seed in range(2):
        scores = random_edge_scores(wiring, seed=seed)
        strength = np.abs(scores.means) if absolute else scores.means
        for n in range(1, wiring.n_edges + 1, 2):
            best = (circuits[circuits.sum(axis=1) == n] @ strength).max()
            selected = Flow(n, absolute=absolute).choose(scores)
            assert selected.n_edges == n
            assert (pruned(wiring, selected.mask) == selected.mask).all()
            assert strength[selected.mask].sum() == pytest.approx(best)
            assert selected.notes == ()


def test_of_few_measured_edges_the_best_circuit_is_found(random_edge_scores):
    measured = np.ones(SMALL.n_edges, dtype=bool)
    measured[[0, 3, SMALL.n_edges - 3]] = False
    scores = replace(random_edge_scores(SMALL, seed=5), measured=measured)
    circuits = all_circuits(SMALL)
    circuits = circuits[~circuits[:, ~measured].any(axis=1)]
    strength = np.abs(scores.means)
    for n in (3, 5):
        best = (circuits[circuits.sum(axis=1) == n] @ strength).max()
        assert strength[Flow(n).choose(scores).mask].sum() == pytest.approx(best)


@pytest.mark.parametrize("absolute", [True, False])
def test_the_optimum_is_proven_where_only_the_strongest_edges_are_looked_at(random_edge_scores, monkeypatch, absolute):
    """With 12 edges at first, most are outside: the bound must not be too low, nor the best circuit missed."""
    wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=1)
    scores = random_edge_scores(wiring, seed=3)
    scores = replace(scores, per_prompt=scores.per_prompt**3)
    strength = np.abs(scores.means) if absolute else scores.means
    whole = {n: strength[Flow(n, absolute=absolute).choose(scores).mask].sum() for n in (2, 6, 11)}
    monkeypatch.setattr(best_sum, "_FIRST", 12)
    monkeypatch.setattr(best_sum, "_MORE", 2)
    for n, best in whole.items():
        selected = Flow(n, absolute=absolute).choose(scores)
        assert strength[selected.mask].sum() == pytest.approx(best)
        assert selected.notes == ()


def test_without_time_the_grown_circuit_is_kept_and_the_gap_is_said(random_edge_scores, monkeypatch):
    scores = random_edge_scores(Wiring(n_layers=2, n_heads=2, n_kv_heads=2), seed=1)
    monkeypatch.setattr(best_sum._Program, "solve", lambda program, seconds: (None, np.inf))
    bound = float(np.sort(np.abs(scores.means))[::-1][:9].sum())
    kept = Flow(9, time_limit=1e-9).choose(scores)
    grown = Grown(9).choose(scores)
    assert (kept.mask == grown.mask).all()
    total = np.abs(scores.means)[grown.mask].sum()
    assert kept.notes == (
        "in 1e-09 s the largest sum of scores was not proven: it may be up to "
        f"{bound / total - 1:.2%} above that of the circuit. Allow more with time_limit.",
    )


def test_a_large_model_is_solved_within_its_time(random_edge_scores):
    wiring = Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
    scores = random_edge_scores(wiring, seed=0, n_prompts=1)
    scores = replace(scores, per_prompt=scores.per_prompt**5)
    began = time.monotonic()
    selected = Flow(60, time_limit=3.0).choose(scores)
    assert time.monotonic() - began < 10
    strength = np.abs(scores.means)
    assert strength[selected.mask].sum() >= strength[Grown(60).choose(scores).mask].sum()
    assert selected.n_edges == 60
