"""Scores: means, intervals, measured against zero, sparse form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from circuits.components import Wiring, head
from circuits.intervals import bootstrap_interval
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


def test_means_count_only_prompts_that_have_the_position():
    scores = ComponentScores(
        WIRING,
        (head(0, 0),),
        ("all", "S1"),
        np.array([[[1.0], [5.0]], [[3.0], [0.0]]]),
        np.array([[[True], [True]], [[True], [False]]]),
        PROVENANCE,
    )
    assert scores.means.tolist() == [[2.0], [5.0]]
    low, high = scores.interval()
    assert (low[1, 0], high[1, 0]) == (5.0, 5.0)
    assert scores.at("S1").means.tolist() == [[5.0]]
    with pytest.raises(ValueError, match="Measured at: all, S1"):
        scores.at("IO")


def test_intervals_agree_with_scipys_bootstrap():
    values = np.random.default_rng(0).normal(size=(40, 3))
    interval = bootstrap_interval(values, resamples=4000)
    expected = stats.bootstrap((values,), np.mean, axis=0, method="percentile", n_resamples=4000, rng=1)
    width = expected.confidence_interval.high - expected.confidence_interval.low
    np.testing.assert_allclose(interval.low, expected.confidence_interval.low, atol=0.05 * width.max())
    np.testing.assert_allclose(interval.high, expected.confidence_interval.high, atol=0.05 * width.max())


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 8), st.integers(0, 3))
def test_intervals_surround_the_mean_and_repeat_with_their_seed(n_prompts, seed):
    values = np.random.default_rng(seed).normal(size=(n_prompts, 4))
    low, high = bootstrap_interval(values, resamples=300, seed=seed)
    assert (low <= values.mean(0) + 1e-9).all()
    assert (values.mean(0) <= high + 1e-9).all()
    assert bootstrap_interval(values, resamples=300, seed=seed).low.tolist() == low.tolist()


def test_not_a_number_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="set `measured` to False"):
        edge_scores(np.full((1, WIRING.n_edges), np.nan))


def test_a_wrong_shape_says_what_was_expected():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expected \(2, 13\)"):
        edge_scores(np.zeros((2, 3)))
