"""Edges whose interval excludes 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Edge, Wiring
from circuits.scores import EdgeScores
from graphs.selection import Significant
from tests.graphs.conftest import provenance

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)


def names(selected):
    return {str(edge) for edge in selected.edges}


def scores_of(per_prompt):
    """Scores of the named edges on several prompts; all others are measured as 0."""
    n_prompts = len(next(iter(per_prompt.values())))
    values = np.zeros((n_prompts, TINY.n_edges))
    for name, scored in per_prompt.items():
        values[:, TINY.edge_index(Edge.parse(name))] = scored
    return EdgeScores(TINY, values, np.ones(TINY.n_edges, dtype=bool), provenance())


# With 4 prompts t is 3.18: 3 +- 1.3 and -2 +- 0.65 exclude 0, 5 +- 18 does not.
SURE, NEGATIVE, UNSURE = (3.0, 4.0, 2.0, 3.0), (-2.0, -2.5, -1.5, -2.0), (20.0, -5.0, 5.0, 0.0)


def test_a_strong_edge_of_which_the_prompts_disagree_is_left_out():
    scores = scores_of(
        {"input->a0.h0<v>": SURE, "a0.h0->logits": NEGATIVE, "input->logits": UNSURE, "a0.h1->logits": UNSURE}
    )
    selected = Significant().choose(scores)
    assert names(selected) == {"input->a0.h0<v>", "a0.h0->logits"}
    assert selected.n_chosen == 2
    assert selected.notes == ()


def test_an_edge_without_a_sure_connection_brings_its_strongest():
    scores = scores_of({"input->a0.h0<v>": SURE, "a0.h0->logits": UNSURE})
    selected = Significant().choose(scores)
    assert names(selected) == {"input->a0.h0<v>", "a0.h0->logits"}
    assert selected.notes == (
        "1 of the circuit's 2 edges have no 95% interval that excludes 0: they connect the others.",
    )


def test_ranked_by_signed_score_only_what_lies_above_0_is_sure():
    scores = scores_of({"input->a0.h0<v>": SURE, "a0.h0->logits": SURE, "input->logits": NEGATIVE})
    assert names(Significant(absolute=False).choose(scores)) == {"input->a0.h0<v>", "a0.h0->logits"}
    assert names(Significant().choose(scores)) == {"input->a0.h0<v>", "a0.h0->logits", "input->logits"}


def test_a_higher_level_asks_for_more():
    scores = scores_of({"input->logits": NEGATIVE, "input->a0.h0<v>": SURE, "a0.h0->logits": SURE})
    strict = Significant(level=0.999).choose(scores)
    assert strict.n_chosen == 0
    assert strict.n_edges > 0
    assert "they are the best path there is" in strict.notes[0]


def test_with_a_size_sure_edges_come_before_all_others():
    scores = scores_of({"input->logits": UNSURE, "input->a0.h0<v>": SURE, "a0.h0->logits": NEGATIVE})
    assert names(Significant(2).choose(scores)) == {"input->a0.h0<v>", "a0.h0->logits"}
    assert names(Significant(3).choose(scores)) == {"input->a0.h0<v>", "a0.h0->logits", "input->logits"}


def test_a_single_prompt_says_nothing_of_the_others():
    selected = Significant().choose(scores_of({"input->logits": (3.0,)}))
    assert names(selected) == {"input->logits"}
    assert selected.n_chosen == 0


def test_where_a_method_draws_the_interval_is_over_its_trials():
    scores = scores_of({"input->logits": UNSURE, "input->a0.h0<v>": SURE, "a0.h0->logits": SURE})
    trials = np.zeros((3, TINY.n_edges))
    trials[:, TINY.edge_index(Edge.parse("input->logits"))] = (5.0, 5.1, 4.9)
    assert names(Significant().choose(replace(scores, trials=trials))) == {"input->logits"}


@pytest.mark.parametrize("seed", range(3))
def test_of_edges_without_any_effect_one_in_twenty_passes(seed):
    draw = np.random.default_rng(seed)
    wiring = Wiring(n_layers=6, n_heads=8, n_kv_heads=8)
    scores = EdgeScores(
        wiring, draw.standard_normal((16, wiring.n_edges)), np.ones(wiring.n_edges, dtype=bool), provenance()
    )
    assert Significant().choose(scores).n_chosen / wiring.n_edges == pytest.approx(0.05, abs=0.01)
