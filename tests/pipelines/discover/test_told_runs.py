"""How much of a search is told: never all of it while more circuits may run."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.model.steps import watched_by, whole
from pipelines.discover.told_runs import ToldRuns
from tests.notes import Notes


def told(n_run: int, *, may_be_more: bool) -> list[float]:
    """The shares that are told while so many circuits of a pass each run where 10 are expected."""
    notes = Notes()
    with watched_by(notes), whole():
        runs = ToldRuns(
            lambda circuits: np.zeros((len(circuits), 1)),
            weigh=lambda circuits: float(len(circuits)),
            expected=10.0,
            may_be_more=may_be_more,
        )
        for _ in range(n_run):
            runs.values(np.ones((1, 3), bool))
    return notes.shares[1:]


def test_all_is_done_when_as_many_as_there_can_be_have_run():
    assert told(10, may_be_more=False)[-1] == pytest.approx(1.0)


def test_a_tenth_of_what_is_expected_is_left_for_those_beyond():
    shares = told(30, may_be_more=True)
    assert shares == sorted(shares)
    assert shares[9:] == [pytest.approx(12 / 13)] * 21
