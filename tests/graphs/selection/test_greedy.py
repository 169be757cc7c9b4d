"""Growth from the logits."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.components import INPUT, LOGITS, Wiring
from circuits.masks import pruned
from graphs.selection import Greedy

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
WIRINGS = (TINY, Wiring(n_layers=3, n_heads=2, n_kv_heads=2), Wiring(n_layers=2, n_heads=4, n_kv_heads=2))


def names(selected):
    return [str(edge) for edge in selected.edges]


def test_stronger_edges_that_lead_nowhere_yet_are_passed_over(edge_scores_of):
    # the strongest edge of all ends in a1.h1, and what leads on from there scores 0
    scores = edge_scores_of({"input->a1.h1<q>": 9.0, "a0.h0->logits": 2.0, "input->a0.h0<v>": 1.0})
    assert names(Greedy(2).choose(scores)) == ["input->a0.h0<v>", "a0.h0->logits"]


def test_a_joining_head_opens_the_key_value_head_it_attends_with(edge_scores_of):
    wiring = Wiring(n_layers=1, n_heads=4, n_kv_heads=2, has_mlps=False)
    scores = edge_scores_of({"input->a0.kv0<v>": 9.0, "input->a0.kv1<v>": 5.0, "a0.h3->logits": 1.0}, wiring=wiring)
    assert names(Greedy(2).choose(scores)) == ["input->a0.kv1<v>", "a0.h3->logits"]


def test_an_edge_brings_the_strongest_way_from_the_input(edge_scores_of):
    """Edges into the logits alone are stronger than what leads to them: on a large model, n of those left nothing."""
    late = {"a1.h0->logits": 9.0, "a1.h1->logits": 8.0, "a0.h1->logits": 7.0}
    way = {"input->a0.h0<v>": 2.0, "a0.h0->a1.h0<k>": 3.0, "input->a1.h0<q>": 1.0}
    scores = edge_scores_of(late | way)
    assert set(names(Greedy(3).choose(scores))) == {"input->a0.h0<v>", "a0.h0->a1.h0<k>", "a1.h0->logits"}


def by_definition(scores, n):
    """The same by looking through all edges at every step, and through all ways from the input for the strongest."""
    wiring, strength = scores.wiring, np.abs(scores.means)
    by_strength = sorted(range(wiring.n_edges), key=lambda i: (-strength[i], i))
    rank = {number: place for place, number in enumerate(by_strength)}
    chosen, inside, reached = set(), {LOGITS}, {INPUT}

    def fed(edge):
        return set(wiring.writers_fed_by(edge.target))

    def best_way(component):
        """Rank of the weakest edge on the strongest way from the input, and its edges."""
        if component == INPUT:
            return -1, []
        ways = []
        for number, edge in enumerate(wiring.edges):
            if component in fed(edge):
                weakest, edges = ways_to[edge.source]
                ways.append((max(weakest, rank[number]), len(edges), number, [*edges, number]))
        weakest, _, _, edges = min(ways)
        return weakest, edges

    ways_to = {}
    for writer in wiring.writers:
        ways_to[writer] = best_way(writer)
    passed = set()
    while len(chosen) < n:
        open_edges = [i for i in by_strength if i not in chosen and i not in passed and fed(wiring.edges[i]) & inside]
        edge = wiring.edges[open_edges[0]]
        joining, source = [open_edges[0]], edge.source
        while source not in reached:
            joining.append(ways_to[source][1][-1])
            source = wiring.edges[joining[-1]].source
        joining = [number for number in joining if number not in chosen]
        if len(chosen) + len(joining) > n:
            passed.add(open_edges[0])
            continue
        chosen.update(joining)
        for number in joining:
            inside.add(wiring.edges[number].source)
            reached |= fed(wiring.edges[number])
    return chosen


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("n", [1, 8, 25])
def test_what_is_chosen_is_what_the_definition_says(random_edge_scores, wiring, n):
    scores = random_edge_scores(wiring, seed=n)
    assert set(np.flatnonzero(Greedy(n).choose(scores).mask).tolist()) == by_definition(scores, n)


def test_ties_are_counted_where_other_edges_could_have_joined(edge_scores_of):
    into_logits = {"a0.h0->logits": 2.0, "a0.h1->logits": 2.0, "a1.h0->logits": 2.0}
    ways = {"input->a0.h0<v>": 3.0, "input->a0.h1<v>": 3.0, "input->a1.h0<v>": 3.0}
    # As strong, but its reader is not in the circuit.
    scores = edge_scores_of(into_logits | ways | {"input->logits": 4.0})
    counted = [dict(Greedy(n).choose(scores).tied_out) for n in (1, 3, 5, 7)]
    assert counted == [{}, {"edges": 2}, {"edges": 1}, {}]


def test_of_seventy_thousand_edges_a_few_form_a_circuit(random_edge_scores):
    wiring = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)
    scores = random_edge_scores(wiring, seed=0, n_prompts=1)
    for n in (1, 80, 2_000):
        selected = Greedy(n).choose(scores)
        assert selected.n_edges == n
        assert (pruned(wiring, selected.mask) == selected.mask).all()
