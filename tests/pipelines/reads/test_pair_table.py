"""Pairs as a table: the writers that matter keep their place, and the rest is summed."""

import numpy as np
import pytest

from circuits.intervals import t_interval
from pipelines.reads.pair_table import pair_table

WRITERS = [f"w{number}" for number in range(14)]


def test_all_pairs_add_up_and_large_ones_are_shown_in_the_order_of_the_model():
    values = np.random.default_rng(0).normal(size=(5, 14, 14)) / 100
    values[:, 12, 3] += 5  # one large pair
    values[:, 2] += 1  # and a writer with a large part
    table = pair_table(values.sum(0), np.square(values).sum(0), WRITERS, 5)
    queries, keys = table["queries"], table["keys"]
    assert len(queries) == len(keys) == 11
    assert {"w2", "w12"} < set(queries)
    assert "w3" in keys
    assert [name for name in WRITERS if name in queries] == queries[:-1]
    assert np.sum(table["pairs"]) == pytest.approx(values.sum() / 5)
    shown = [WRITERS.index(name) for name in queries[:-1]]
    at = np.ix_(shown, [WRITERS.index(name) for name in keys[:-1]])
    pairs = np.array(table["pairs"])
    assert pairs[:-1, :-1] == pytest.approx(values.mean(0)[at])
    assert pairs.sum(1)[:-1] == pytest.approx(values.mean(0)[shown].sum(1))
    interval = t_interval(values)
    sure = (interval.low > 0) | (interval.high < 0)
    assert [row[:-1] for row in table["is_sure"][:-1]] == sure[at].tolist()
    assert [row[-1] for row in table["is_sure"]] == [None] * 11


def test_without_a_rest_there_are_no_others():
    values = np.ones((2, 3, 3))
    table = pair_table(values.sum(0), values.sum(0), WRITERS[:3], 2)
    assert table["queries"] == table["keys"] == ["w0", "w1", "w2"]
    assert table["pairs"] == [[1.0] * 3] * 3
