"""Scores: means, intervals, measured against zero, sparse form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring, head
from circuits.intervals import t_interval
from circuits.scores import ComponentScores, EdgeScores, Provenance

WIRING = Wiring(1, 2, 2)
PROVENANCE = Provenance("eap", {}, "logit-difference", "tiny", "f", "task", "p")


def edge_scores(per_prompt, measured=None) -> EdgeScores:
    per_prompt = np.asarray(per_prompt, dtype=np.float32)
    measured = np.ones(WIRING.n_edges, bool) if measured is None else measured
    return EdgeScores(WIRING, per_prompt, measured, PROVENANCE)


def test_ranking_is_by_size_or_sign_and_leaves_out_what_was_not_measured():
    means = np.zeros(WIRING.n_edges)
    means[:4] = [1, -3, 2, 9]
    measured = np.ones(WIRING.n_edges, bool)
    measured[3] = False
    scores = edge_scores([means], measured)
    assert scores.ranking()[:3].tolist() == [1, 2, 0]
    assert scores.ranking(absolute=False)[:2].tolist() == [2, 0]
    assert len(scores.ranking()) == WIRING.n_edges - 1


def test_sparse_form_places_every_score_by_writer_and_reader():
    values = np.arange(2 * WIRING.n_edges, dtype=np.float32).reshape(2, -1)
    coo = edge_scores(values).as_coo()
    assert coo.shape == (2, len(WIRING.writers), len(WIRING.readers))
    dense = coo.todense()
    for number, edge in enumerate(WIRING.edges):
        writer, reader = WIRING.writer_index(edge.source), WIRING.reader_index(edge.reader)
        assert dense[:, writer, reader].tolist() == values[:, number].tolist()
    assert coo.nnz == 2 * WIRING.n_edges - 1  # the one zero is not stored


def test_means_and_intervals_count_only_prompts_that_have_the_position():
    scores = ComponentScores(
        WIRING,
        (head(0, 0),),
        ("all", "S1", "S2"),
        np.array([[[1.0], [5.0], [0.0]], [[3.0], [0.0], [0.0]], [[5.0], [7.0], [0.0]]]),
        np.array([[[True], [True], [False]], [[True], [False], [False]], [[True], [True], [False]]]),
        PROVENANCE,
    )
    assert scores.means.tolist() == [[3.0], [6.0], [0.0]]
    low, high = scores.interval()
    of_two = t_interval(np.array([5.0, 7.0])).item()
    assert (low[1, 0], high[1, 0]) == of_two
    assert np.isnan([low[2, 0], high[2, 0]]).all()
    assert scores.at("S1").means.tolist() == [[6.0]]
    with pytest.raises(ValueError, match="Measured at: all, S1, S2"):
        scores.at("IO")


def test_the_interval_is_over_trials_where_there_are_any():
    trials = np.random.default_rng(0).normal(size=(5, WIRING.n_edges))
    scores = replace(edge_scores(np.zeros((9, WIRING.n_edges))), trials=trials)
    expected = t_interval(trials)
    assert np.array_equal(scores.interval(), expected)
    by_position = ComponentScores(
        WIRING,
        (head(0, 0), head(0, 1)),
        ("all",),
        np.zeros((9, 1, 2)),
        np.ones((9, 1, 2), bool),
        PROVENANCE,
        trials[:, None, :2],
    )
    assert np.array_equal(np.asarray(by_position.interval())[:, 0], np.asarray(expected)[:, :2])


def test_one_prompt_leaves_the_interval_of_every_edge_unbounded():
    low, high = edge_scores(np.ones((1, WIRING.n_edges))).interval()
    assert (low == -np.inf).all()
    assert (high == np.inf).all()


def test_not_a_number_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="set `measured` to False"):
        edge_scores(np.full((1, WIRING.n_edges), np.nan))


def test_a_wrong_shape_says_what_was_expected():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expected \(2, 13\)"):
        edge_scores(np.zeros((2, 3)))


@pytest.mark.parametrize(("scores_are", "is_unbounded"), [("given", True), ("learned", True), ("estimated", False)])
def test_scores_that_all_prompts_have_in_common_have_no_bounded_interval(scores_are, is_unbounded):
    row = np.arange(WIRING.n_edges, dtype=np.float32)
    scores = replace(edge_scores([row, row, row]), provenance=replace(PROVENANCE, scores_are=scores_are))
    for table, means in ((scores, row), (scores.node_scores(), scores.node_scores().means)):
        low, high = table.interval()
        assert np.isinf([low, high]).all() == is_unbounded
        assert np.array_equal(low, means) != is_unbounded
