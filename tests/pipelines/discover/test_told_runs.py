"""How much of a search is told, by what is expected of it while it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.model.steps import watched_by, whole
from pipelines.discover.told_runs import ToldRuns
from tests.notes import Notes

FIRST = 2.0


def told(*left: float) -> list[float]:
    """The shares that are told of circuits of a pass each, before each of which so much is expected to be left."""
    notes = Notes()
    with watched_by(notes), whole():
        runs = ToldRuns(
            lambda circuits: np.zeros((len(circuits), 1)),
            weigh=lambda circuits: float(len(circuits)),
            first=FIRST,
        )
        for of_all in left:
            runs.expect(of_all)
            runs.values(np.ones((1, 3), bool))
    return notes.shares[1:]


def test_all_is_done_when_as_many_as_expected_have_run():
    assert told(3, 2, 1) == pytest.approx([3 / 5, 4 / 5, 1.0])


def test_a_search_that_goes_on_longer_has_done_less_than_it_was_thought_to():
    assert told(3, 2, 6) == pytest.approx([3 / 5, 4 / 5, 5 / 10])


def test_a_search_that_ends_early_has_done_more():
    assert told(30, 2, 1) == pytest.approx([3 / 32, 4 / 5, 1.0])


def test_what_was_not_expected_adds_nothing():
    assert told(1, 0, 0) == pytest.approx([1.0, 1.0, 1.0])
