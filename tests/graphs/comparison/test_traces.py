"""Differences of recovery rates: by hand, against Welch's test, and refused where nothing is shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from circuits.components import Component, Wiring
from circuits.intervals import t_interval
from circuits.recovery import Trace
from circuits.scores import ComponentScores
from graphs.comparison.traces import compare_traces
from graphs.figures.trace_heatmap import trace_figure_bytes
from tests.graphs.conftest import provenance

WIRING = Wiring(2, 2, 2)
PARTS = (Component("attention", 0), Component("mlp", 0), Component("attention", 1), Component("mlp", 1))


def trace(
    rates: list[list[float]],
    *,
    positions: tuple[str, ...] = ("subject", "END"),
    parts: tuple[Component, ...] = PARTS,
    n: int = 30,
    noise: float = 0.0,
    seed: int = 0,
) -> Trace:
    """Prompts whose gap is 2 and whose recovery rates [position, component] are these, with noise over prompts."""
    draw = np.random.default_rng(seed)
    per_prompt = (2 * np.array(rates) + noise * draw.normal(size=(n, len(positions), len(parts)))).astype(np.float32)
    scores = ComponentScores(WIRING, parts, positions, per_prompt, np.ones(per_prompt.shape, dtype=bool), provenance())
    return Trace(scores, np.full(n, 3.0), np.full(n, 1.0))


def test_the_difference_is_that_of_the_rates():
    a, b = trace([[0.5, 0.1, 0, 0], [0, 0, 0.2, 0.9]]), trace([[0.1, 0.1, 0, 0], [0, 0, 0.7, 0.9]])
    comparison = compare_traces(a, b)
    assert np.allclose(comparison.difference, [[0.4, 0, 0, 0], [0, 0, -0.5, 0]], atol=1e-6)
    assert np.allclose(comparison.low, comparison.difference, atol=1e-6)
    assert (comparison.n_apart, comparison.n_cells) == (2, 8)
    first, second, *_ = comparison.rows()
    assert (first["component"], first["place"], first["difference"]) == ("a1", "END", pytest.approx(-0.5))
    assert (second["recovery_a"], second["recovery_b"]) == pytest.approx((0.5, 0.1))


def test_different_prompts_are_compared_as_independent_samples():
    """Where every gap is 2, rates are plain means, whose difference scipy's Welch test knows."""
    a, b = trace([[0.5] * 4] * 2, noise=1, seed=1), trace([[0.5] * 4] * 2, noise=2, seed=2, n=50)
    other = replace(b.scores, provenance=provenance(prompts_fingerprint="other prompts"))
    comparison = compare_traces(a, replace(b, scores=other))
    values = [side.scores.per_prompt.astype(float) / 2 for side in (a, b)]
    expected = stats.ttest_ind(*values, equal_var=False).confidence_interval()
    np.testing.assert_allclose([comparison.low, comparison.high], [expected.low, expected.high], rtol=1e-6)


def test_the_same_prompts_are_compared_as_pairs():
    a = trace([[0.5] * 4] * 2, noise=1, seed=1)
    shifted = replace(a.scores, per_prompt=a.scores.per_prompt + np.arange(30, dtype=np.float32)[:, None, None] / 100)
    comparison = compare_traces(a, replace(a, scores=shifted))
    expected = t_interval(-np.arange(30) / 200).item()
    np.testing.assert_allclose(comparison.low, expected.low, atol=1e-6)
    np.testing.assert_allclose(comparison.high, expected.high, atol=1e-6)


def test_single_prompts_are_compared_without_an_interval_and_can_be_drawn():
    a, b = trace([[0.5] * 4] * 2, n=1), trace([[0.1] * 4] * 2, n=1)
    comparison = compare_traces(a, b)
    assert comparison.difference == pytest.approx(np.full((2, 4), 0.4))
    assert comparison.n_apart == 0
    assert {(row["difference_low"], row["difference_high"]) for row in comparison.rows()} == {(None, None)}
    table = comparison.table(("one", "other"), {})
    assert table is not None
    assert b">0.40<" in trace_figure_bytes(table, "svg")


def test_cells_of_both_traces_are_compared_and_no_others():
    a = trace([[0.1] * 4] * 2)
    b = trace([[0.2] * 2] * 2, positions=("END", "object"), parts=PARTS[2:])
    comparison = compare_traces(a, b)
    assert comparison.positions == ("END",)
    assert comparison.components == PARTS[2:]
    assert comparison.n_cells == 2


def test_a_position_that_no_prompt_of_one_side_has_is_left_open():
    a, b = trace([[0.1] * 4] * 2), trace([[0.2] * 4] * 2)
    b.scores.measured[:, 0] = False
    comparison = compare_traces(a, b)
    assert np.isnan(comparison.difference[0]).all()
    assert comparison.n_cells == 4
    table = comparison.table(("one", "other"), {"END": "last token"})
    assert table is not None
    assert b"one minus other" in trace_figure_bytes(table, "svg")
    assert b"difference of recovery rates" in trace_figure_bytes(table, "svg")


def test_the_same_trace_is_correlated_with_itself_and_a_constant_one_with_nothing():
    a = trace([[0.5, 0.1, 0.3, 0.2], [0, 0.7, 0.2, 0.9]])
    assert compare_traces(a, a).correlations == pytest.approx({"attention": 1, "mlp": 1})
    assert compare_traces(a, trace([[0.5] * 4] * 2)).correlations == {"attention": None, "mlp": None}


def test_traces_without_a_cell_in_common_are_refused():
    with pytest.raises(ValueError, match="the traces share no cell"):
        compare_traces(trace([[0.1] * 4] * 2), trace([[0.1] * 4] * 2, positions=("IO", "S")))
