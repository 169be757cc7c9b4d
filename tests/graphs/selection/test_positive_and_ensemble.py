"""A least share of positive edges; several methods that decide together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring
from graphs.selection import Ensemble, Grown, Positive, describe
from graphs.selection.ensemble import _ranks

TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)
PLAIN = Wiring(n_layers=3, n_heads=2, n_kv_heads=2)


def names(selected):
    return {str(edge) for edge in selected.edges}


def share_of(selected, scores):
    return (scores.means[selected.mask] > 0).mean()


@pytest.mark.parametrize("share", [0, 0.3, 0.5, 0.8, 1])
@pytest.mark.parametrize("n", [4, 12, 30])
def test_the_share_is_kept_by_as_few_positive_edges_as_it_takes(random_edge_scores, share, n):
    scores = random_edge_scores(PLAIN, seed=n)
    selected = Positive(n, share=share).choose(scores)
    assert selected.n_edges == n
    assert share_of(selected, scores) >= share
    by_size = Grown(n).choose(scores)
    if share_of(by_size, scores) >= share:
        assert (selected.mask == by_size.mask).all()


def test_with_all_edges_positive_the_circuit_is_that_by_signed_score(random_edge_scores):
    scores = random_edge_scores(PLAIN, seed=1)
    assert (Positive(12, share=1).choose(scores).mask == Grown(12, absolute=False).choose(scores).mask).all()


def test_a_share_that_paths_cannot_have_is_said(edge_scores_of):
    path = {"input->a0.h0<v>": -4.0, "a0.h0->logits": 3.0}
    unmeasured = tuple(str(edge) for edge in TINY.edges if str(edge) not in path)
    selected = Positive(2, share=0.75).choose(edge_scores_of(path, unmeasured=unmeasured))
    assert names(selected) == set(path)
    assert selected.notes == ("50% of the edges are positive, and 75% were asked for: no more connect.",)


FIRST = {"input->a0.h0<v>": 9.0, "a0.h0->logits": 8.0, "input->a0.h1<v>": 3.0, "a0.h1->logits": 2.0, "input->logits": 1}
SECOND = {"input->a0.h0<v>": 1.0, "a0.h0->logits": 1.5, "input->logits": 5.0, "input->a0.h1<v>": 4, "a0.h1->logits": 3}


def test_each_way_to_combine_ranks_puts_others_first(edge_scores_of):
    """Ranks 1 2 3 4 5 and 5 4 2 3 1 of input->h0, h0->logits, input->h1, h1->logits, input->logits.

    Mean 3 3 2.5 3.5 3; best 1 2 2 3 1; worst 5 4 3 4 5: the path through h1 has the lowest worst ranks.
    """
    one, other = edge_scores_of(FIRST), edge_scores_of(SECOND)
    assert names(Ensemble(2, how="max").choose(one, others=[other])) == {"input->a0.h1<v>", "a0.h1->logits"}
    assert names(Ensemble(3, how="min").choose(one, others=[other])) == {
        "input->logits",
        "input->a0.h0<v>",
        "a0.h0->logits",
    }
    assert names(Ensemble(2).choose(one, others=[other])) == {"input->a0.h0<v>", "a0.h0->logits"}


def test_an_ensemble_of_equal_scores_is_each_of_them(random_edge_scores):
    scores = random_edge_scores(PLAIN, seed=2)
    scaled = replace(scores, per_prompt=100 * scores.per_prompt)  # in other units
    for how in ("mean", "min", "max"):
        selected = Ensemble(15, how=how).choose(scores, others=[scaled, scores])
        assert (selected.mask == Grown(15).choose(scores).mask).all()


def test_ties_have_the_mean_of_their_ranks_and_what_is_not_measured_comes_last():
    measured = np.array([True, True, True, True, False])
    ranks = _ranks(np.array([5.0, 1.0, 5.0, 3.0, 9.0]), measured)
    np.testing.assert_array_equal(ranks[:4], [1.5, 4, 1.5, 3])
    assert ranks[4] >= ranks[:4].max()


def test_an_edge_that_one_method_did_not_measure_is_left_out(edge_scores_of):
    one = edge_scores_of({"input->logits": 9.0, **FIRST})
    other = edge_scores_of(SECOND, unmeasured=("input->logits",))
    assert "input->logits" not in names(Ensemble(20).choose(one, others=[other]))


def test_the_record_names_the_methods(edge_scores_of):
    one, other = edge_scores_of(FIRST), edge_scores_of(SECOND, method="relp")
    selected = Ensemble(2).choose(one, others=[other])
    assert selected.selection == describe(Ensemble(2, methods=("relp",)))


def test_one_method_is_no_ensemble_and_two_models_are_none_either(edge_scores_of):
    one = edge_scores_of(FIRST)
    with pytest.raises(ValueError, match="got those of one"):
        Ensemble(2).choose(one)
    with pytest.raises(ValueError, match="measure all on one model"):
        Ensemble(2).choose(one, others=[edge_scores_of({}, wiring=PLAIN)])
