"""What holds for every rule: circuits are connected, of the size asked for, and never empty while a path exists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.components import Edge, Wiring
from circuits.masks import pruned
from graphs.selection import (
    SELECTIONS,
    Ensemble,
    Flow,
    Greedy,
    Grown,
    Positive,
    Significant,
    Threshold,
    TopEdges,
    describe,
    selection_from,
)

WIRINGS = (
    Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False),
    Wiring(n_layers=3, n_heads=2, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=4, n_kv_heads=2),
    Wiring(n_layers=2, n_heads=2, n_kv_heads=1, is_parallel=True),
)
SIZED = (Grown, Greedy, Positive, Significant, Ensemble)
PATH = ("input->a0.h0<v>", "a0.h0->a1.h1<q>", "a1.h1->logits")


def choose(rule, scores):
    """What a rule keeps; an ensemble ranks by the scores' negatives as well."""
    if isinstance(rule, Ensemble):
        return rule.choose(scores, others=(replace(scores, per_prompt=-(scores.per_prompt[::-1] ** 3)),))
    return rule.choose(scores)


def is_connected(selected):
    return (pruned(selected.wiring, selected.mask) == selected.mask).all()


def rules_of(n):
    """Every rule that chooses edges; those with a size choose `n`."""
    of_size = (Grown, Greedy, TopEdges, Significant, Ensemble, Flow)
    signed = [*(rule(n, absolute=False) for rule in of_size), Significant(absolute=False)]
    return [*(rule(n) for rule in of_size), *signed, Positive(n), Significant(), Threshold(1.5), Threshold(1e9)]


def test_every_rule_that_chooses_edges_is_tried_here():
    tried = {rule.name for rule in rules_of(1)}
    assert tried == {name for name, rule in SELECTIONS.items() if rule.chooses == "edges"}
    assert all(rule.summary for rule in SELECTIONS.values())


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("rule", SIZED)
def test_a_circuit_of_any_size_has_exactly_that_size_and_is_connected(random_edge_scores, wiring, rule):
    for n in range(1, wiring.n_edges + 1, 1 if rule is Grown else 5):
        selected = choose(rule(n), random_edge_scores(wiring, seed=n))
        assert selected.n_edges == n
        assert is_connected(selected)
        assert selected.size_note is None


@settings(deadline=None, max_examples=40)
@given(
    layers=st.integers(1, 3),
    heads=st.sampled_from([(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)]),
    shape=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 2**31),
    levels=st.sampled_from([1, 2, 5, 10**6]),
    absolute=st.booleans(),
    data=st.data(),
)
def test_any_size_of_any_wiring_is_met_with_any_ties(layers, heads, shape, seed, levels, absolute, data):
    from circuits.scores import EdgeScores
    from tests.graphs.conftest import provenance

    wiring = Wiring(layers, *heads, is_parallel=shape[0], has_mlps=shape[1])
    drawn = np.random.default_rng(seed).integers(-levels, levels + 1, (2, wiring.n_edges)).astype(float)
    scores = EdgeScores(wiring, drawn, np.ones(wiring.n_edges, dtype=bool), provenance())
    n = data.draw(st.integers(1, wiring.n_edges))
    for rule in (Grown(n, absolute=absolute), Greedy(n, absolute=absolute)):
        selected = rule.choose(scores)
        assert selected.n_edges == n
        assert is_connected(selected)


@settings(deadline=None, max_examples=15)
@given(
    which=st.integers(0, len(WIRINGS) - 1), seed=st.integers(0, 2**31), share=st.floats(0.15, 0.9), n=st.integers(1, 40)
)
def test_no_rule_leaves_a_circuit_empty_while_a_path_was_measured(random_edge_scores, which, seed, share, n):
    wiring = WIRINGS[which]
    measured = np.random.default_rng(seed).random(wiring.n_edges) < share
    scores = replace(random_edge_scores(wiring, seed=seed), measured=measured)
    possible = pruned(wiring, measured)
    for rule in rules_of(n):
        selected = choose(rule, scores)
        assert is_connected(selected)
        assert not (selected.mask & ~possible).any()
        assert bool(selected.n_edges) == bool(possible.any())
        assert (selected.reason is None) == bool(possible.any())
        if getattr(rule, "n", None) is not None and selected.n_edges > n:
            assert selected.size_note is not None
            assert "no path from input to logits has fewer" in selected.size_note


@pytest.mark.parametrize("rule", [Grown, Greedy, TopEdges, Flow, Significant])
def test_the_only_path_is_kept_though_all_of_it_works_against_the_behavior(edge_scores_of, rule):
    scored = dict.fromkeys(PATH, -2.0)
    unmeasured = tuple(str(edge) for edge in WIRINGS[0].edges if str(edge) not in PATH)
    scores = edge_scores_of(scored, unmeasured=unmeasured)
    for n in (1, 3, 20):
        selected = rule(n, absolute=False).choose(scores)
        assert {str(edge) for edge in selected.edges} == set(PATH)
    assert rule(3, absolute=False).choose(scores).size_note is None


def test_a_size_that_no_path_has_is_said(edge_scores_of):
    unmeasured = tuple(str(edge) for edge in WIRINGS[0].edges if str(edge) not in PATH)
    scores = edge_scores_of(dict.fromkeys(PATH, 1.0), unmeasured=unmeasured)
    assert Grown(1).choose(scores).size_note == (
        "1 edge was asked for, and the circuit has 3: no path from input to logits has fewer."
    )
    assert "4 edges were asked for, and the circuit has 3: no more" in str(Grown(4).choose(scores).size_note)
    everything = Grown(99).choose(edge_scores_of({}))
    assert everything.size_note == (
        f"99 edges were asked for, and the circuit has {WIRINGS[0].n_edges}: no more lie on paths from input to logits."
    )


def test_asked_for_nothing_a_circuit_is_empty_and_says_why(edge_scores_of):
    for rule in (Grown(0), Greedy(0), TopEdges(0)):
        selected = rule.choose(edge_scores_of({}))
        assert not selected.n_edges
        assert "chose no edge" in str(selected.reason)


def test_lists_of_a_stored_description_become_tuples_again():
    rule = Ensemble(5, methods=("eap", "relp"), how="max")
    stored = describe(rule) | {"methods": ["eap", "relp"]}
    assert selection_from(stored) == rule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Positive(3, share=1.5), "share=1.5 is not a share"),
        (lambda: Significant(level=1.0), "level=1.0 is not a level"),
        (lambda: Flow(3, time_limit=0), "time_limit=0 leaves no time"),
        (lambda: Ensemble(3, how="median"), "Known: mean, min, max"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_edge_that_no_path_needs_is_not_taken_for_its_score(edge_scores_of):
    scores = edge_scores_of({"input->a0.h0<v>": 9.0, "a0.h1->logits": 8.0, "input->logits": 1.0})
    assert [str(edge) for edge in Grown(1).choose(scores).edges] == ["input->logits"]
    assert Edge.parse("a0.h1->logits") not in Grown(1).choose(scores).edges
